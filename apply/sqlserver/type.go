package sqlserver

import (
	"fmt"
	"strconv"
)

// sqlType is a target column's type as the target's catalogue has it.
type sqlType struct {
	// name is the base system type's, in lower case: "char", "datetime2".
	name string
	// length is in UTF-16 code units for nchar, nvarchar and in bytes for char,
	// varchar, binary, varbinary; -1 is max. It means nothing for other types.
	length int
	// precision and scale are those of decimal and numeric; scale is also that
	// of time, datetime2 and datetimeoffset.
	precision, scale int
	// collation and codePage are of text alone; code page 65001 is UTF-8.
	collation string
	codePage  int
}

// class is what a type is for: the types of one class are written, read back
// and compared in the same way.
type class uint8

const (
	classNone    class = iota // never written
	classInteger              // tinyint, smallint, int, bigint
	classBit
	classDecimal // decimal, numeric
	classMoney   // money, smallmoney
	classFloat   // float, real
	classChar    // char, varchar, text: in a code page
	classNChar   // nchar, nvarchar, ntext: UTF-16
	classBinary  // binary, varbinary, image
	classTime    // date, time and all that hold both
	classUUID
	classXML
)

func (t sqlType) class() class {
	switch t.name {
	case "tinyint", "smallint", "int", "bigint":
		return classInteger
	case "bit":
		return classBit
	case "decimal", "numeric":
		return classDecimal
	case "money", "smallmoney":
		return classMoney
	case "float", "real":
		return classFloat
	case "char", "varchar", "text":
		return classChar
	case "nchar", "nvarchar", "ntext":
		return classNChar
	case "binary", "varbinary", "image":
		return classBinary
	case "date", "time", "datetime", "smalldatetime", "datetime2", "datetimeoffset":
		return classTime
	case "uniqueidentifier":
		return classUUID
	case "xml":
		return classXML
	default:
		return classNone
	}
}

// String returns the type as a column definition spells it.
func (t sqlType) String() string {
	switch t.name {
	case "char", "varchar", "nchar", "nvarchar", "binary", "varbinary":
		if t.length < 0 {
			return t.name + "(max)"
		}
		return t.name + "(" + strconv.Itoa(t.length) + ")"
	case "decimal", "numeric":
		return fmt.Sprintf("%s(%d,%d)", t.name, t.precision, t.scale)
	case "time", "datetime2", "datetimeoffset":
		return fmt.Sprintf("%s(%d)", t.name, t.scale)
	default:
		return t.name
	}
}

// castType is the type that a parameter is cast to, and that a column is read
// and compared as: the old large types have no operators of their own.
func (t sqlType) castType() string {
	switch t.name {
	case "text":
		return "varchar(max)"
	case "ntext":
		return "nvarchar(max)"
	case "image":
		return "varbinary(max)"
	default:
		return t.String()
	}
}

// limit is how many units of length the type holds; see sqlType.length.
func (t sqlType) limit() int {
	switch {
	case t.name == "ntext", t.name == "nvarchar" && t.length < 0:
		return 1<<30 - 1
	case t.name == "text", t.name == "image", t.length < 0:
		return 1<<31 - 1
	default:
		return t.length
	}
}

// padded reports whether the target fills a value up to its length.
func (t sqlType) padded() bool { return t.name == "char" || t.name == "nchar" }
