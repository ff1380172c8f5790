#!/bin/sh
# Started by gnomon hook. The quotes matter: labels are texts of others.
set -eu
echo "retraining \"$GNOMON_MODEL\" after version \"$GNOMON_MODEL_VERSION\" because of $GNOMON_ALERT"
cat > last-alert.json
