#!/usr/bin/env bash
# Makes onnxruntime_c_api.h out of ONNX Runtime's own header: comments and the
# include of the plug-in interface go, the declarations stay as they are.
# usage: header.sh path/to/onnxruntime_c_api.h > onnxruntime_c_api.h
set -euo pipefail
python3 - "$1" <<'PYTHON'
import re, sys
text = open(sys.argv[1]).read()
version = re.search(r"#define ORT_API_VERSION (\d+)", text).group(1)
text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
text = re.sub(r"//[^\n]*", "", text)
lines = [l.rstrip() for l in text.split("\n") if l.strip() and "onnxruntime_ep_c_api.h" not in l]
print(f"// ONNX Runtime's C API, version {version}, without its comments: made by header.sh.")
print("// Copyright (c) Microsoft Corporation. All rights reserved.")
print("// Licensed under the MIT License.")
print("\n".join(lines))
PYTHON
