"""Reads an inference log with pandas and with DuckDB; prints what they see as JSON.

Usage: read.py DIRECTORY
"""
import glob
import json
import sys

import duckdb
import pandas

directory = sys.argv[1]
files = sorted(glob.glob(directory + "/records/**/*.parquet", recursive=True))
frame = pandas.concat([pandas.read_parquet(f) for f in files], ignore_index=True)
folder = pandas.read_parquet(directory + "/records/loans/2")  # a whole folder at once
rows = duckdb.sql(f"""
    SELECT count(*), min(time)::VARCHAR, avg(age), avg(probabilities[2]), count(label), any_value(metadata ->> 'region')
    FROM read_parquet('{directory}/records/**/*.parquet', union_by_name = true)""").fetchone()
late = duckdb.sql(f"""
    SELECT r.id, l.label
    FROM read_parquet('{directory}/records/**/*.parquet', union_by_name = true) r
    JOIN read_parquet('{directory}/labels/**/*.parquet') l USING (id)""").fetchall()
print(json.dumps({
    "rows": len(frame), "folder": len(folder), "columns": sorted(frame.columns),
    "dtypes": {c: str(frame[c].dtype) for c in ["id", "time", "age", "city"]},
    "first": str(frame["time"].min()), "mean age": frame["age"].mean(), "probabilities": frame["probabilities"][0].tolist(),
    "tensor": [frame["tensor_x"][0].tolist(), frame["tensor_x_shape"][0].tolist()], "labels": int(frame["label"].count()),
    "duckdb": rows, "late": late,
}, default=lambda value: value.item()))
