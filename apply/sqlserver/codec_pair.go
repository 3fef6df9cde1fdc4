package sqlserver

import (
	"strings"

	"github.com/syncback/syncback/capture"
)

// family is what a source type's text form is read as.
type family uint8

const (
	familyForm      family = iota // any other type: its text form, as text
	familyBool                    // t, f
	familyInteger                 // 12
	familyDecimal                 // 12.50
	familyFloat4                  // 1.5e+30, of 32 bits
	familyFloat8                  // the same, of 64
	familyMoney                   // in the source's locale
	familyText                    // itself
	familyBlank                   // text in which trailing blanks are padding
	familyBytes                   // \x00ff
	familyUUID                    // 12345678-1234-…
	familyDate                    // 2024-05-01
	familyTime                    // 12:30:00.5
	familyTimestamp               // 2024-05-01 12:30:00.5
	familyInstant                 // the same with an offset
	familyXML
)

// sourceFamily tells the family of a built-in type of PostgreSQL.
func sourceFamily(base string) family {
	switch base {
	case "bool":
		return familyBool
	case "int2", "int4", "int8", "oid":
		return familyInteger
	case "numeric":
		return familyDecimal
	case "float4":
		return familyFloat4
	case "float8":
		return familyFloat8
	case "money":
		return familyMoney
	case "text", "varchar", "name", "char", "enum", "citext":
		return familyText
	case "bpchar":
		return familyBlank
	case "bytea":
		return familyBytes
	case "uuid":
		return familyUUID
	case "date":
		return familyDate
	case "time":
		return familyTime
	case "timestamp":
		return familyTimestamp
	case "timestamptz":
		return familyInstant
	case "xml":
		return familyXML
	default:
		return familyForm
	}
}

// encoder turns a source's text form into a bound value.
type encoder = func(text string) (bound, error)

// pair is the table of types: it returns how values of a source family are
// written into a target type, or why they are not.
func pair(from family, src capture.Column, dst sqlType, opt codecOptions) (encoder, error) {
	if from == familyMoney {
		return nil, refuse("the text of money depends on the source's locale", "make the source column numeric")
	}
	switch dst.class() {
	case classInteger, classBit, classDecimal, classMoney:
		if read := decimalReader(from, dst); read != nil {
			return numberWriter(read, dst, opt.lossy), nil
		}
	case classFloat:
		if read := floatReader(from, opt.lossy); read != nil {
			return floatWriter(read, dst, opt.lossy), nil
		}
	case classChar, classNChar:
		return textPair(from, dst, opt.lossy)
	case classBinary:
		if from == familyBytes {
			return bytesWriter(dst, opt.lossy), nil
		}
	case classTime:
		return timePair(from, dst, opt)
	case classUUID:
		if from == familyUUID || from == familyText {
			return writeUUID, nil
		}
	case classXML:
		if from == familyXML || from == familyText {
			return writeXML, nil
		}
	default:
		return nil, refuse(neverWritten(dst), "exclude the column")
	}
	return nil, mismatch(src, dst)
}

// neverWritten says why a type outside every class is not written.
func neverWritten(t sqlType) string {
	if t.name == "timestamp" || t.name == "rowversion" {
		return "the target makes the values of a rowversion itself"
	}
	return "no source type is written to " + t.String()
}

func mismatch(src capture.Column, dst sqlType) error {
	return refuse(src.Base+" is not written to "+dst.String(), "map it to a column of a type that can hold it, or skip it")
}

// textPair takes what has a text form that reads the same everywhere.
func textPair(from family, dst sqlType, lossy Lossy) (encoder, error) {
	write := textWriter(dst, lossy)
	switch from {
	case familyBool:
		return nil, refuse("which text stands for true is not known", "map bool to bit or to a number")
	case familyBytes:
		return nil, refuse("bytes are not text", "map bytea to varbinary")
	case familyBlank:
		return func(s string) (bound, error) { return write(strings.TrimRight(s, " ")) }, nil
	default:
		return write, nil
	}
}
