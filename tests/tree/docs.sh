#!/bin/sh
# What the documents point at exists: files and folders named `like/this.c`, and links to pages.
#
#   docs.sh [ROOT]
set -eu
cd "${1:-.}"
pages=$(find . -maxdepth 1 -name '*.md'; find docs docker -name '*.md' 2>/dev/null || true)

named() {
    # shellcheck disable=SC2086,SC2016
    grep -HnoE '`(src|kernels|tests|docs|docker|scripts|cmake|bench|examples)/[A-Za-z0-9_./*-]+`' $pages | tr -d '`'
}

linked() {
    # shellcheck disable=SC2086,SC2016
    grep -HnoE '\]\([A-Za-z0-9_./-]+\)' $pages | sed 's/\](\(.*\))$/\1/'
}

# A star, or a word such as NAME, stands for what it matches.
exists() {
    [ ! -e "$1" ] || return 0
    # shellcheck disable=SC2046
    set -- $(echo "$1" | sed 's/[A-Z][A-Z]*/*/g')
    [ -e "$1" ]
}

missing=$(
    { named || true; } | while IFS=: read -r page line path; do
        exists "$path" || echo "$page:$line: there is no $path"
    done
    { linked || true; } | while IFS=: read -r page line path; do
        exists "$(dirname "$page")/$path" || echo "$page:$line: there is no $path beside it"
    done
)
[ -z "$missing" ] && exit 0
echo "$missing"
exit 1
