#!/bin/sh
# Host Factory's entry point: runs hostfactory with the call that this file is named after.
# The five scripts are the same. Standard output belongs to the answer, also when something is missing.

verb=${0##*/}
verb=${verb%.sh}

fail() {
    trap - EXIT
    printf '{"message": "%s"}\n' "$1"
    exit 1
}

# The folder of this file, also when it is reached through a symbolic link.
self=$0
while [ -L "$self" ]; do
    target=$(readlink -- "$self") || fail "the link to $verb cannot be followed"
    case $self in
    */*) folder=${self%/*} ;;
    *) folder=. ;;
    esac
    case $target in
    /*) self=$target ;;
    *) self=$folder/$target ;;
    esac
done
case $self in
*/*) folder=${self%/*} ;;
*) folder=. ;;
esac

if [ -n "$HOSTFACTORY_BIN" ]; then
    program=$HOSTFACTORY_BIN
    [ -f "$program" ] && [ -x "$program" ] || fail "HOSTFACTORY_BIN does not name a program that can be run"
elif [ -f "$folder/hostfactory" ] && [ -x "$folder/hostfactory" ]; then
    program=$folder/hostfactory
elif [ -f "$folder/../bin/hostfactory" ] && [ -x "$folder/../bin/hostfactory" ]; then
    program=$folder/../bin/hostfactory
elif command -v hostfactory >/dev/null 2>&1; then
    program=hostfactory
else
    fail "hostfactory was not found: set HOSTFACTORY_BIN, or put it beside the scripts, into ../bin or on PATH"
fi

# What a crash would leave on the disk could hold credentials.
ulimit -c 0 2>/dev/null

# A program that cannot be started, for example one for another machine: some shells end here and run the trap, others
# (bash) do so only when they are asked to go on.
trap 'fail "hostfactory was found and cannot be started"' EXIT
# shellcheck disable=SC3044
[ -z "$BASH_VERSION" ] || shopt -s execfail
exec "$program" "$verb" "$@"
fail "hostfactory was found and cannot be started"
