#!/usr/bin/env bash
# Build the wheel; install it in a fresh environment; run with no Node on the path; check the extension and a dry import.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
rm=$(command -v rm)
trap '"$rm" -rf "$work"' EXIT
python -P -m build --wheel --no-isolation --outdir "$work" >"$work/build.log" 2>&1 || { tail -30 "$work/build.log"; exit 1; }
wheel=$(ls "$work"/*.whl)
python3 -m venv "$work/venv"
# Dependencies are those of .venv, already tested there: only the wheel itself is new.
site=$(python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps "$wheel"
fresh=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
echo "$site" >"$fresh/zz-dependencies.pth"
mkdir "$work/bin"
for tool in bash cat ls env; do ln -s "$(command -v $tool)" "$work/bin/$tool"; done
cd "$work"
export PATH="$work/bin" JUPYTER_PATH="$work/venv/share/jupyter" JUPYTER_PREFER_ENV_PATH=1
if command -v node >/dev/null; then echo "node must not be on the path here" >&2; exit 1; fi
./venv/bin/python - <<'PY'
import json, pathlib, re, subprocess, sys
import llmtune_kernel
from jupyterlab_server.translation_utils import get_language_pack

package = pathlib.Path(llmtune_kernel.__file__)
prefix = pathlib.Path(sys.prefix).resolve()
assert package.resolve().is_relative_to(prefix), package
extension = prefix / "share/jupyter/labextensions/jupyterlab-llmtune"
metadata = json.loads((extension / "package.json").read_text())
assert metadata["version"] == llmtune_kernel.__version__, (metadata["version"], llmtune_kernel.__version__)
assert (extension / metadata["jupyterlab"]["_build"]["load"]).exists()
# What JupyterLab loads at its start; all else comes when it is first shown.
entry = extension / metadata["jupyterlab"]["_build"]["load"]
exposed = re.findall(r'"\./(?:index|style)":\(\)=>(.*?)\.then', entry.read_text())
numbers = set(re.findall(r"\.e\((\d+)\)", " ".join(exposed)))
start = [entry, *(path for number in numbers for path in entry.parent.glob(f"{number}.*.js"))]
loaded = sum(path.stat().st_size for path in start)
assert len(start) >= 3 and loaded < 150_000, [(path.name, path.stat().st_size) for path in start]
assert len(list(package.parent.glob("data/templates/*.jinja"))) >= 30
# The translations come with the wheel, not with the language packs of JupyterLab.
for language in ("ja_JP", "ko_KR", "ru_RU", "zh_CN"):
    file = package.parent / "locale" / language / "LC_MESSAGES" / "jupyterlab_llmtune.json"
    assert get_language_pack(language)[0]["jupyterlab_llmtune"] == json.loads(file.read_text("utf-8")), language
listed = subprocess.run(
    [sys.executable, "-m", "jupyterlab.labextensions", "list"], capture_output=True, text=True, check=True
)
line = next(line for line in (listed.stdout + listed.stderr).splitlines() if "jupyterlab-llmtune" in line)
assert "enabled" in line and "OK" in line, line
sys.stdout.write(f"{line.strip()}, {loaded / 1000:.0f} kB at start\n1 passed, 0 failed\n")
PY
