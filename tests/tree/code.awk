# Prints a C file as "path:line:code" with comments, strings and characters blanked out, so that a
# search finds code and not prose.

function blank_rest(line,    i, n, c, out, two) {
    out = ""
    n = length(line)
    for (i = 1; i <= n; i++) {
        c = substr(line, i, 1)
        two = substr(line, i, 2)
        if (state == "comment") {
            if (two == "*/") { state = "code"; i++ }
            continue
        }
        if (state == "code") {
            if (two == "/*") { state = "comment"; i++; out = out " "; continue }
            if (two == "//") break
            if (c == "\"" || c == "'") { state = c; out = out c; continue }
            out = out c
            continue
        }
        if (c == "\\") { i++; continue }
        if (c == state) { state = "code"; out = out c }
    }
    if (state != "comment")
        state = "code"
    return out
}

FNR == 1 { state = "code" }

# Nothing to strip: most lines.
state == "code" && !/["'\/]/ { print FILENAME ":" FNR ":" $0; next }

# Names of includes are looked at elsewhere.
state == "code" && /^[ \t]*#[ \t]*include/ { next }

{ print FILENAME ":" FNR ":" blank_rest($0) }
