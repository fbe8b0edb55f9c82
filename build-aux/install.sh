#!/bin/sh
# build-aux/install.sh [--uninstall]: installs Headwater, or removes what this script installed.
#   PREFIX    where it will be run from; /usr/local unless given
#   DESTDIR   put before every path, for packages
#   BINARY    the program, if it is built already (with LOCALEDIR=$PREFIX/share/locale, for its translations);
#             without it, cargo builds it
set -eu
cd "$(dirname "$0")/.."

id=io.github.headwater_app.Headwater
prefix=${PREFIX:-/usr/local}
share=$prefix/share
destination=${DESTDIR:-}

die() { printf 'headwater: %s\n' "$*" >&2; exit 1; }

case $prefix in /*) ;; *) die "PREFIX has to be a whole path: PREFIX=$PWD/$prefix" ;; esac
case $* in
    '') put() { install -D -m "$1" "$2" "$destination$3"; } ;;
    --uninstall) put() { rm -f "$destination$3"; } ;;
    *) die "unknown words: $*. Use: [PREFIX=…] [DESTDIR=…] [BINARY=…] build-aux/install.sh [--uninstall]" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What has to be made first.
if [ $# = 0 ]; then
    command -v msgfmt >/dev/null || die "msgfmt is missing. Install the package gettext and try again."
    binary=${BINARY:-${CARGO_TARGET_DIR:-target}/release/headwater}
    if [ -z "${BINARY:-}" ]; then
        command -v cargo >/dev/null || die "cargo is missing. Run this as the user who has it: what only root may do is said then."
        # Otherwise the compiler says it, in a thousand lines.
        pkg-config --exists 'gtk4 >= 4.18' 'libadwaita-1 >= 1.7' 'gstreamer-rtsp-server-1.0 >= 1.26' ||
            die "this system has no GTK 4.18, libadwaita 1.7 or GStreamer 1.26 to build with. README.md says under Requirements what is needed; without installing, build-aux/run starts it."
        LOCALEDIR=$share/locale cargo build --release --locked
    fi
    [ -f "$binary" ] || die "there is no $binary to install."
    # Not as root, cargo has built it, and this is as far as it goes.
    if ! { mkdir -p "$destination$prefix" && [ -w "$destination$prefix" ]; } 2>/dev/null; then
        die "$destination$prefix cannot be written. Run this as root: PREFIX=$prefix DESTDIR=$destination BINARY=$(realpath "$binary") $PWD/build-aux/install.sh"
    fi

    msgfmt --desktop --template="data/$id.desktop" -d po -o "$work/$id.desktop"
    msgfmt --xml --template="data/$id.metainfo.xml" -d po -o "$work/$id.metainfo.xml"
    sed "s|@bindir@|$prefix/bin|" "data/$id.service.in" >"$work/$id.service"
fi

put 755 "${binary:-}" "$prefix/bin/headwater"
put 644 "$work/$id.desktop" "$share/applications/$id.desktop"
put 644 "$work/$id.service" "$share/dbus-1/services/$id.service"
put 644 "$work/$id.metainfo.xml" "$share/metainfo/$id.metainfo.xml"
put 644 "data/icons/hicolor/scalable/apps/$id.svg" "$share/icons/hicolor/scalable/apps/$id.svg"
put 644 "data/icons/hicolor/symbolic/apps/$id-symbolic.svg" "$share/icons/hicolor/symbolic/apps/$id-symbolic.svg"
put 644 LICENSE "$share/licenses/$id/LICENSE"
put 644 README.md "$share/doc/$id/README.md"
grep -v '^#' po/LINGUAS | while read -r language; do
    [ $# != 0 ] || msgfmt --check "po/$language.po" -o "$work/$language.mo"
    put 644 "$work/$language.mo" "$share/locale/$language/LC_MESSAGES/headwater.mo"
done
[ $# = 0 ] || rmdir "$destination$share/licenses/$id" "$destination$share/doc/$id" 2>/dev/null || true

# A cache of icons that is there has to learn of ours; a package's own system does that.
if [ -z "$destination" ] && [ -e "$share/icons/hicolor/icon-theme.cache" ]; then
    gtk4-update-icon-cache -q -t -f "$share/icons/hicolor" || gtk-update-icon-cache -q -t -f "$share/icons/hicolor" || true
fi
