# Sourced by `run` here and in token/: other people's programs, each version pinned, installed once into the target folder.

# install_python FROM INTO — what FROM/requirements.txt names, as the virtual environment INTO/venv
install_python() {
  local from=$1 into=$2
  mkdir -p "$into"
  if cmp -s "$from/requirements.txt" "$into/requirements.txt"; then return 0; fi
  rm -rf "$into/venv"
  python3 -m venv "$into/venv"
  "$into/venv/bin/pip" install --quiet --no-deps --disable-pip-version-check -r "$from/requirements.txt"
  cp "$from/requirements.txt" "$into/requirements.txt"
}

# install_node FROM INTO — what FROM/package-lock.json names, as INTO/node_modules, and the scripts of FROM beside it:
# Node looks for packages there
install_node() {
  local from=$1 into=$2
  mkdir -p "$into"
  if ! cmp -s "$from/package-lock.json" "$into/package-lock.installed"; then
    cp "$from/package.json" "$from/package-lock.json" "$into/"
    (cd "$into" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp "$from/package-lock.json" "$into/package-lock.installed"
  fi
  cp "$from"/*.mjs "$into/"
}
