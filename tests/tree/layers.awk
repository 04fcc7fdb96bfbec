# Reads the table of layers.txt, then looks at every #include of the files named as arguments.

function words_into(set, key, text,    i, n, part) {
    n = split(text, part, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (part[i] != "")
            set[key, part[i]] = 1
}

# The longest listed folder that holds the path; "" when none does.
function layer_of(path,    folder) {
    folder = path
    while (sub(/\/[^\/]*$/, "", folder))
        if (folder in layers)
            return folder
    return ""
}

# True when `target` or a folder above it is among what `key` may include.
function listed(set, key, target) {
    do
        if ((key, target) in set)
            return 1
    while (sub(/\/[^\/]*$/, "", target))
    return 0
}

function fault(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    faults++
}

function quoted_check(target,    to) {
    to = layer_of(target)
    if (target ~ /(^|\/)\.\.?(\/|$)/ || target !~ /\//)
        fault("\"" target "\": write the whole path, \"layer/file.h\"")
    else if (to == "")
        fault("\"" target "\": this folder is no layer of layers.txt")
    else if (to != from && !listed(may, from, to) && !listed(extra, FILENAME, to))
        fault(from " may not include " to " (\"" target "\")")
}

function library_check(target,    prefix) {
    for (prefix in libraries)
        if (index(target, prefix) == 1 && !listed(users, prefix, from))
            fault("<" target "> belongs to: " libraries[prefix])
}

BEGIN {
    while ((getline line < table) > 0) {
        if (line ~ /^[ \t]*(#|$)/)
            continue
        kind = line; sub(/ .*/, "", kind)
        name = line; sub(/^[a-z]+ +/, "", name); sub(/:.*/, "", name)
        rest = line; sub(/^[^:]*:/, "", rest)
        if (kind == "layer") {
            layers[name] = 1
            words_into(may, name, rest)
        } else if (kind == "library") {
            libraries[name] = rest
            words_into(users, name, rest)
        } else if (kind == "file") {
            words_into(extra, name, rest)
        } else {
            print table ": cannot read: " line
            exit_early = 1
            exit 1
        }
    }
    if (line == "" && length(layers) == 0) {
        print table ": no layers"
        exit_early = 1
        exit 1
    }
}

FNR == 1 {
    path = FILENAME
    sub(/^src\//, "", path)
    from = layer_of(path)
    if (from == "")
        fault("this folder is no layer of layers.txt")
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    target = $0; sub(/^[^"]*"/, "", target); sub(/".*/, "", target)
    quoted_check(target)
}

/^[ \t]*#[ \t]*include[ \t]*</ {
    target = $0; sub(/^[^<]*</, "", target); sub(/>.*/, "", target)
    library_check(target)
}

# An #include of a macro would pass unseen.
/^[ \t]*#[ \t]*include[ \t]*[^ \t"<]/ { fault("write out what is included") }

END {
    if (!exit_early && faults > 0)
        exit 1
}
