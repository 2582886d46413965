#!/usr/bin/env bash
# Run browser tests with the oldest JupyterLab and Notebook that are supported; all else is that of .venv.
#   scripts/test-oldest.sh [NAMES OF TESTS …]
set -euo pipefail
cd "$(dirname "$0")/.."
oldest=$PWD/build/oldest
site() { "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])'; }
if [ ! -e "$oldest/share/jupyter/labextensions/jupyterlab-llmtune" ]; then
  python3 -m venv "$oldest"
  "$oldest/bin/python" -m pip install -q --disable-pip-version-check 'jupyterlab==4.4.*' 'notebook==7.4.*'
  printf '%s\n' "$(site .venv)" "$PWD" >"$(site "$oldest")/zz-dependencies.pth"
  mkdir -p "$oldest/share/jupyter/labextensions"
  for extension in @jupyter-widgets jupyterlab-plotly jupyterlab-llmtune; do
    ln -sfn "$PWD/.venv/share/jupyter/labextensions/$extension" "$oldest/share/jupyter/labextensions/$extension"
  done
fi
export PATH="$oldest/bin:$PATH"
jupyter lab --version
cd ui-tests
jlpm playwright test "$@"
