# Where Headwater is built and run: on this system, where it has the libraries of the floor (GNOME 48,
# which is Debian 13), or in a private Debian 13 root under the user's cache folder.
# Sourced by the scripts beside it; after `prepare build|run|test|flatpak`, `inside CMD…` runs a command there.
# shellcheck shell=bash

readonly rust_floor=1.92
readonly root_suite=trixie
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/headwater

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'headwater: %s\n' "$*" >&2; exit 1; }

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

check_rust() {
    { command -v cargo && command -v rustc; } >/dev/null ||
        die "Rust is missing. Install it with rustup (package rustup, then: rustup default stable) and try again."
    local have
    have=$(rustc --version | cut -d ' ' -f 2)
    at_least "$rust_floor" "${have%%-*}" ||
        die "Rust $have is too old, $rust_floor or later is needed. Distributions' own Rust is often older: install rustup, run 'rustup default stable' and try again."
}

# The packages of the groups given, from the list of this kind of system.
packages() {
    local file=$1 groups=$2
    awk -v groups=" $groups " '/^\[/ { on = index(groups, " " substr($0, 2, length($0) - 2) " "); next } on && !/^#/ && NF' \
        "$checkout/build-aux/packages.$file"
}

# native: the distribution has the floor's libraries as packages. Prints the name of its list, or nothing.
native_list() {
    # shellcheck disable=SC1091
    . /etc/os-release
    case $ID in
        debian) at_least 13 "${VERSION_ID:-99}" && echo debian ;;
        ubuntu) at_least 25.10 "$VERSION_ID" && echo debian ;;
        fedora) at_least 42 "$VERSION_ID" && echo fedora ;;
    esac
    return 0
}

# Runs an installing command as root; otherwise shows it and asks.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; return; fi
    printf 'To go on, this has to be run as root:\n\n    %s\n\n' "$*" >&2
    [ -t 0 ] || die "run it, then try again."
    local answer
    read -r -p "Run it with sudo now? [y/N] " answer
    [ "$answer" = y ] || die "nothing was installed."
    sudo "$@"
}

apt_install() {
    local log
    log=$(mktemp)
    say "Installing $# packages: $*"
    # Package lists that are missing or old make an install fail: fetch them only then.
    if [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
            { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1 ||
            { cat "$log" >&2; die "the packages could not be installed; apt's words are above."; }
    else
        as_root apt-get install -y --no-install-recommends "$@"
    fi
    rm -f "$log"
}

install_missing_debian() {
    local missing
    mapfile -t missing < <(comm -23 <(sort -u) <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort -u))
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

install_missing_fedora() {
    local missing=() package
    while read -r package; do
        rpm -q --whatprovides "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] || { say "Installing: ${missing[*]}"; as_root dnf install -y "${missing[@]}"; }
}

# The host's own apt sources say where the packages come from.
mirror() {
    awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null | grep . ||
        awk '$1 == "deb" && $0 ~ /debian/ { for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) { print $i; exit } }' \
            /etc/apt/sources.list 2>/dev/null
}

# The private root with these groups. It is made under another name and renamed when it is whole, so that an
# interrupted one is made again by the next call.
make_root() {
    local list
    list=$(packages debian "$1")
    root=$cache/root-$(printf '%s %s' "$root_suite" "$list" | sha256sum | cut -c 1-12)
    mkdir -p "$cache"
    if [ ! -d "$root" ]; then
        # One call makes it, any other waits.
        exec 9>"$cache/root.lock"
        flock -n 9 || { say "Another call is preparing the environment: waiting for it"; flock 9; }
        [ -d "$root" ] || fill_root "$list"
        exec 9>&-
    fi
    # A call of another checkout may use a root of another list: one goes when nobody has used it for a while.
    touch "$root"
    if command -v apt-get >/dev/null; then
        command -v bwrap >/dev/null || install_missing_debian <<<bubblewrap
    else
        command -v bwrap >/dev/null || die "bubblewrap is missing. Install it and try again."
    fi
}

fill_root() {
    local partial=$root.partial free needed=(mmdebstrap bubblewrap debian-archive-keyring)
    if command -v apt-get >/dev/null; then
        # For the users that it works as where it is not root.
        [ "$(id -u)" = 0 ] || needed+=(uidmap)
        printf '%s\n' "${needed[@]}" | install_missing_debian
    else
        command -v mmdebstrap >/dev/null ||
            die "this system's libraries are too old. Install mmdebstrap and bubblewrap, so that a private Debian 13 can be made, and try again."
    fi
    free=$(df --output=avail -k "$cache" | tail -n 1)
    [ "$free" -gt 4000000 ] || die "the private Debian 13 needs 4 GB in $cache, and $((free / 1000000)) GB are free."
    say "Making a private Debian 13 in $root (once, about two minutes and 3 GB)"
    rm -rf --one-file-system "$cache"/root-*.partial ||
        die "the rest of an interrupted attempt cannot be removed: see the words above, remove $partial and try again."
    mkdir "$partial"
    bootstrap "$1" "$partial" 2>&1 | grep --line-buffered -E '^(I:|E:|W: .*fail)' | sed -u 's/^/    /' >&2 || true
    # Only a whole root has it: it is written last.
    [ -e "$partial/.whole" ] || { rm -rf --one-file-system "$partial"; die "the private Debian 13 could not be made; the words above say why."; }
    mv "$partial" "$root"
    find "$cache" -maxdepth 1 -name 'root-*' -mtime +30 ! -path "$root" -exec rm -rf --one-file-system {} +
    say "The private Debian 13 is ready"
}

# Fills the folder $2 with Debian and the packages $1.
bootstrap() {
    local partial=$2 options=() option
    while read -r option; do options+=("--aptopt=$option"); done < <(apt-config dump 2>/dev/null | grep -E '^Acquire::(Check|http|https)')
    # No man pages and translations: nobody reads them there.
    options+=(--variant=minbase --include="$(printf '%s' "$1" | paste -s -d ,)"
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*')
    local from=()
    mapfile -t from < <(mirror)
    if [ "$(id -u)" = 0 ]; then
        # What it mounts goes with its namespace, also where it is killed.
        unshare --mount mmdebstrap --mode=root "${options[@]}" "$root_suite" "$partial" "${from[@]}"
    else
        # Through an archive: the files then belong to the user, who can remove them again, and the
        # unprivileged users which mmdebstrap works as need no way into the user's home.
        TMPDIR=/var/tmp mmdebstrap --mode=unshare "${options[@]}" "$root_suite" - "${from[@]}" |
            tar -x --no-same-owner --exclude='./dev/*' -C "$partial"
    fi || return
    # What the host's own files are laid over later.
    rm -f "$partial/etc/resolv.conf"
    touch "$partial"/etc/{resolv.conf,hosts,machine-id,pip.conf}
    mkdir -p "$partial"/usr/{local/,}share/ca-certificates
    touch "$partial/.whole"
}

# prepare build|run|test|flatpak: everything that this needs is there afterwards. What packages for Flatpak has a
# root of its own: nothing else needs its tools.
prepare() {
    check_rust
    local list groups
    case $1 in build) groups="build" ;; run) groups="build run" ;; test) groups="build run test" ;; flatpak) groups="flatpak" ;; esac
    list=$(native_list)
    if [ -n "$list" ]; then
        root=
        packages "$list" "$groups" | "install_missing_$list"
    else
        [ "$1" = flatpak ] || groups="build run test"
        make_root "$groups"
    fi
}

# Runs a command where Headwater is built. The private root lends its /usr and /etc; folders, display, the
# session's sockets, devices and network are the host's.
inside() {
    [ -n "$root" ] || { "$@"; return; }
    local bind=(--ro-bind "$root/usr" /usr --ro-bind "$root/etc" /etc --bind "$root/var" /var) path
    for path in bin sbin lib lib64; do bind+=(--symlink "usr/$path" "/$path"); done
    # A whole /proc, not one of its own: only there can Flatpak make a sandbox inside.
    bind+=(--dev-bind /dev /dev --bind /proc /proc --bind /sys /sys --bind /tmp /tmp --tmpfs /run --tmpfs /var/tmp)
    for path in /*; do
        case $path in /bin | /boot | /dev | /etc | /lib* | /lost+found | /proc | /run | /sbin | /sys | /tmp | /usr | /var) continue ;; esac
        if [ -L "$path" ]; then bind+=(--symlink "$(readlink "$path")" "$path"); elif [ -d "$path" ]; then bind+=(--bind "$path" "$path"); fi
    done
    # Where they are not in one of these.
    for path in "$HOME" "$checkout" "$PWD" "${XDG_RUNTIME_DIR:-}" "${CARGO_TARGET_DIR:-}"; do
        case $path in /var/?* | /run/?*) [ ! -d "$path" ] || bind+=(--bind "$path" "$path") ;; esac
    done
    [ ! -S /run/dbus/system_bus_socket ] || bind+=(--ro-bind /run/dbus /run/dbus)
    # The host's certificates, for cargo and pip behind a mirror of the user's own.
    [ ! -d /etc/ssl/certs ] || bind+=(--ro-bind /etc/ssl/certs /etc/ssl/certs --ro-bind-try /usr/local/share/ca-certificates /usr/local/share/ca-certificates)
    bind+=(--ro-bind-try /usr/share/ca-certificates /usr/share/ca-certificates)
    for path in /etc/resolv.conf /etc/hosts /etc/passwd /etc/group /etc/machine-id /etc/pip.conf; do
        [ ! -e "$path" ] || bind+=(--ro-bind "$(readlink -f "$path")" "$path")
    done
    [ "$(id -u)" != 0 ] || bind+=(--cap-add ALL)
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bwrap "${bind[@]}" --die-with-parent --chdir "$PWD" "$@"
}
