// Package table reads tabular files into typed columns: CSV and TSV (plain or
// gzipped), JSON Lines (plain or gzipped) and Parquet.
//
// Three ways in, one set of rules: Read holds a whole file, Open gives column by
// column (a Parquet file is never held whole), Stream gives chunks of rows of
// bounded size.
//
// # Types
//
// The texts "", NA, N/A, null, NULL, None and ? and the nulls of JSON and
// Parquet are missing. NaN and the infinities are values. A column of a text
// format is
//
//	Integer      where every value is a whole number in plain digits
//	Numeric      where every value is a number (exponents, NaN, Inf, infinity)
//	Boolean      where every value is true or false, in any of the three usual cases
//	Datetime     where every value is a date or an RFC 3339 time (a space may
//	             stand for the T, the zone may be left out: UTC)
//	Text         else, where more than half of at least 50 values, or more than
//	             10,000, are distinct, or the mean length exceeds 64 bytes
//	Categorical  else, and where nothing but missing values is there
//
// JSON and Parquet say themselves what is a number: there a string stays a
// string even if it looks like one, NaN, Infinity and -Infinity in a column of
// numbers excepted. Options.Kinds overrules all this.
package table
