#!/bin/sh
# SPDX-License-Identifier: BSL-1.0
# expect_refusal.sh COMPILER INCLUDE_DIR FILE
#
# FILE must not compile, and the compiler must print the sentence that its first line announces:
#     // EXPECT: field's path | its type | why, and what to do instead
# With ACCEPTED defined, which leaves the offending line out, it must compile without a warning: so it
# cannot be refused for another reason. A path through a held type is written `Order.leg > Leg.next`.
#
# A compiler that shows no text in its messages prints a field as `In<Order, {&shadow.value.id}>`:
# that is the same path, and is brought into the common form before the comparison.
set -u
LC_ALL=C
export LC_ALL

if [ $# -ne 3 ]; then
    echo "usage: expect_refusal.sh COMPILER INCLUDE_DIR FILE" >&2
    exit 2
fi
compiler=$1 include=$2 file=$3

fail() {
    echo "FAILED $file ($compiler): $1" >&2
    printf '%s\n' "$2" >&2
    exit 1
}

announced=$(sed -n '1s|^// EXPECT: ||p' "$file")
who=${announced%% | *}
rest=${announced#* | }
type=${rest%% | *}
sentence=${rest#* | }
if [ -z "$who" ] || [ -z "$type" ] || [ -z "$sentence" ] || [ "$rest" = "$announced" ] || [ "$sentence" = "$rest" ]; then
    fail "its first line is not // EXPECT: path | type | sentence" "$announced"
fi

# $compiler is not quoted: it may hold options too
said=$($compiler -std=c++20 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$include" -DACCEPTED "$file" 2>&1) ||
    fail "it does not compile with the offending line left out" "$said"

if said=$($compiler -std=c++20 -fsyntax-only -I"$include" "$file" 2>&1); then
    fail "it compiles" "$said"
fi

refused=$(printf '%s\n' "$said" | grep -F 'tenon::Refused<' | sed \
    -e 's/__cxx11:://g' -e 's/, 18446744073709551615>/>/g' -e 's/ \([]>*&([]\)/\1/g' \
    -e 's/tenon::In<\([A-Za-z0-9_:]*\), {&shadow\.value\([^}]*\)}>/\1\2/g' \
    -e 's/, tenon::FieldNumber<\([0-9]*\)>/.field_\1/g' \
    -e 's/tenon::Itself<\([^>]*\)>/\1/g')
while [ -n "$who" ]; do
    step=${who%% > *}
    # the path ends there: at a quote, a bracket or a comma, and not amid a longer name
    printf '%s\n' "$refused" | grep -q "$(printf '%s' "$step" | sed 's/[].*^$\\[]/\\&/g')[\", >]" ||
        fail "the message does not name the field: $step" "$said"
    case $who in
        *' > '*) who=${who#* > } ;;
        *) who= ;;
    esac
done
printf '%s\n' "$refused" | grep -qF "Refused<$type," || fail "the message does not name the type: $type" "$said"
printf '%s\n' "$said" | grep -F 'error:' | grep -qF "$sentence" || fail "the sentence is not said: $sentence" "$said"
