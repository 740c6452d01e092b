#!/usr/bin/env bash
# Checks every link between the project's Markdown pages: the file must exist, and so must the heading that an anchor
# names. Links to other sites are not followed.
#
#   scripts/links-test.sh [FOLDER]    FOLDER has the pages as a package installs them; otherwise it is the project's
# shellcheck source=scripts/lib/common.sh
. "$(dirname "$0")/lib/common.sh"
cd "${1:-$ROOT}"

pages=(*.md docs/*.md)

# The anchor of every heading, one a line: FILE#ANCHOR. GitHub makes an anchor of a heading's text: lower case, without
# punctuation, with hyphens for blanks, and with a number for the second heading of that text.
anchors() {
    local page
    for page in "${pages[@]}"; do
        awk -v page="$page" '
            /^```/ { in_block = !in_block }
            !in_block && /^#+ / {
                text = $0
                sub(/^#+ +/, "", text)
                gsub(/\]\([^)]*\)/, "", text)
                text = tolower(text)
                gsub(/[][!-,.\/:-@^`{-~]/, "", text)
                gsub(/ /, "-", text)
                print page "#" text (seen[text]++ ? "-" (seen[text] - 1) : "")
            }' "$page"
    done
}

# The target of every link, as FILE:LINE TARGET. What stands in a block or in `code` is not a link.
links() {
    local page
    for page in "${pages[@]}"; do
        awk -v page="$page" '
            /^```/ { in_block = !in_block }
            !in_block {
                line = $0
                gsub(/`[^`]*`/, "", line)
                while (match(line, /\]\([^() ]+\)/)) {
                    print page ":" NR, substr(line, RSTART + 2, RLENGTH - 3)
                    line = substr(line, RSTART + RLENGTH)
                }
            }' "$page"
    done
}

known=$(anchors)
checked=0
failed=0
while read -r where target; do
    case $target in
    *://* | mailto:*) continue ;;
    esac
    checked=$((checked + 1))
    page=${where%:*}
    path=${target%%#*}
    if [ -z "$path" ]; then
        file=$page
    else
        file=$(realpath --canonicalize-missing --relative-to=. "$(dirname "$page")/$path")
    fi
    if [ ! -e "$file" ]; then
        complain "$where: there is no file $file"
        failed=$((failed + 1))
    elif [ "$target" != "$path" ] && ! grep -qxF "$file#${target#*#}" <<<"$known"; then
        complain "$where: $file has no heading #${target#*#}"
        failed=$((failed + 1))
    fi
done < <(links)
note "$checked links between pages, $failed broken"
[ "$checked" -gt 0 ] && [ "$failed" = 0 ]
