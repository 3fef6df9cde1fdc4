package sqlserver

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// TestServerErrorsQuoteNoValues has the messages in which SQL Server quotes what
// was written.
func TestServerErrorsQuoteNoValues(t *testing.T) {
	for _, test := range []struct {
		in    mssql.Error
		names string
	}{
		{mssql.Error{Number: 2627, Message: "Violation of PRIMARY KEY constraint 'PK_tenagree'. Cannot insert duplicate key in object 'dbo.tenagree'. The duplicate key value is (SECRET)."}, "PK_tenagree"},
		{mssql.Error{Number: 2601, Message: "Cannot insert duplicate key row in object 'dbo.t' with unique index 'ux_name'. The duplicate key value is (SECRET)."}, "ux_name"},
		{mssql.Error{Number: 547, Message: `The INSERT statement conflicted with the FOREIGN KEY constraint "FK_a". The conflict occurred in database "x", table "dbo.a", column 'b'.`}, "FK_a"},
		{mssql.Error{Number: 2628, Message: "String or binary data would be truncated in table 'x.dbo.t', column 'c'. Truncated value: 'SECRET'."}, "longer"},
		{mssql.Error{Number: 245, Message: "Conversion failed when converting the varchar value 'SECRET' to data type int."}, "converted"},
		{mssql.Error{Number: 50000, ProcName: "trg_check", Message: "Tenant SECRET may not"}, "trg_check"},
		{mssql.Error{Number: 50000, ProcName: "housing.trg_check", Message: "Tenant SECRET may not"}, "trg_check"},
		{mssql.Error{Number: 50000, Message: `It breaks the constraint "SECRET"`}, "50000"},
		{mssql.Error{Number: 245, Message: "Conversion failed when converting the varchar value 'constraint 'SECRET'' to data type int."}, "converted"},
		{mssql.Error{Number: 33557097, Message: `invalid input syntax for type integer: "SECRET"`}, "33557097"},
	} {
		got := serverError(test.in).Error()
		if strings.Contains(got, "SECRET") {
			t.Errorf("%d quotes the value: %s", test.in.Number, got)
		}
		if !strings.Contains(got, test.names) {
			t.Errorf("%d: %q does not name %q", test.in.Number, got, test.names)
		}
	}
}

// TestProceduresAreToldFromBatches has the names that SQL Server gives where an
// error arose: a procedure whose name begins with sp_ may be anyone's.
func TestProceduresAreToldFromBatches(t *testing.T) {
	for procedure, want := range map[string]bool{
		"": false, "sp_executesql": false, "sys.sp_executesql": false, "sp_prepexec": false,
		"sp_post": true, "dbo.sp_post": true, "trg_check": true,
	} {
		if got := inProcedure(mssql.Error{Number: 547, ProcName: procedure}); got != want {
			t.Errorf("%q counts as a procedure: %t, want %t", procedure, got, want)
		}
	}
}

// TestCertificateIsNotRetried: no later attempt makes it trusted.
func TestCertificateIsNotRetried(t *testing.T) {
	err := translate(context.Background(), errors.New("TLS Handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"))
	if capture.Retryable(err) || !strings.Contains(err.Error(), "TrustServerCertificate") {
		t.Errorf("got %v", err)
	}
	err = translate(context.Background(), errors.New("TLS Handshake failed: tls: failed to parse certificate from server: x509: negative serial number"))
	if capture.Retryable(err) || !strings.Contains(err.Error(), "GODEBUG=x509negativeserial=1") {
		t.Errorf("got %v", err)
	}
}

func TestWhatMayBeRetried(t *testing.T) {
	for number, want := range map[int32]bool{1205: true, 1222: true, 3960: true, 9002: true, 3906: true, 921: true, 924: true, 17187: true, 18401: true, 41301: true, 41302: true, 41305: true, 41325: true, 41839: true, 2627: false, 547: false, 50000: false, 1: false, 0: false} {
		if got := capture.Retryable(translate(context.Background(), mssql.Error{Number: number})); got != want {
			t.Errorf("retryable(%d) = %t, want %t", number, got, want)
		}
	}
	if err := translate(context.Background(), mssql.Error{Number: 33557097, Message: "canceling statement due to lock timeout"}); !capture.Retryable(err) {
		t.Errorf("a lock timeout that has no number of SQL Server's is not retryable: %v", err)
	}
	if !capture.Retryable(translate(context.Background(), io.EOF)) {
		t.Error("a lost connection is not retryable")
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("stop")
	cancel(stop)
	if err := translate(ctx, io.EOF); !errors.Is(err, stop) || capture.Retryable(err) {
		t.Errorf("after the context ended: %v, want its cause", err)
	}
	if translate(ctx, nil) != nil {
		t.Error("no error became one")
	}
}

func TestTheCauseIsToldAndNotWhatFollowsFromIt(t *testing.T) {
	cause := mssql.Error{Number: 547, Class: 16, Message: "The DELETE statement conflicted with the REFERENCE constraint \"FK_x\"."}
	follows := mssql.Error{Number: 3609, Class: 16, Message: "The transaction ended in the trigger."}
	note := mssql.Error{Number: 8153, Class: 0, Message: "Warning: Null value is eliminated."}
	follows.All = []mssql.Error{note, cause, follows}
	if got := serverError(follows); got.Number != 547 || got.Constraint != "FK_x" {
		t.Errorf("got %v", got)
	}
}

// The words of a violated constraint are in the login's language, but for what kind
// of constraint it is.
func TestViolatedConstraintIsToldInEveryLanguage(t *testing.T) {
	for message, want := range map[string]resolve.Kind{
		`The DELETE statement conflicted with the REFERENCE constraint "FK_x". The conflict occurred in database "d", table "dbo.a", column 'b'.`:                 resolve.ForeignKey,
		`The DELETE statement conflicted with the SAME TABLE REFERENCE constraint "FK_x".`:                                                                        resolve.ForeignKey,
		`Die DELETE-Anweisung steht in Konflikt mit der REFERENCE-Einschränkung "FK_x". Der Konflikt trat in der "d"-Datenbank, Tabelle "dbo.a", column 'b' auf.`: resolve.ForeignKey,
		`L'instruction DELETE est en conflit avec la contrainte REFERENCE "FK_x".`:                                                                                resolve.ForeignKey,
		`Instrukcja DELETE jest w konflikcie z ograniczeniem REFERENCE "FK_x".`:                                                                                   resolve.ForeignKey,
		`INSERT ステートメントは FOREIGN KEY 制約 "FK_x" と競合しています。`:                                                                                                         resolve.ForeignKey,
		`Die INSERT-Anweisung steht in Konflikt mit der CHECK-Einschränkung "CK_REFERENCE".`:                                                                      resolve.Check,
		`The INSERT statement conflicted with the CHECK constraint "ck FOREIGN KEY".`:                                                                             resolve.Check,
		`update or delete on table "a" violates foreign key constraint "fk_x" on table "b"`:                                                                       resolve.ForeignKey,
	} {
		if got := serverError(mssql.Error{Number: 547, Message: message}).kind(); got != want {
			t.Errorf("%s\n\tis %s, not %s", message, got, want)
		}
	}
}
