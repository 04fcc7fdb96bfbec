# Reads layers.txt, then the CMakeLists.txt files named as arguments, and checks what every
# gm_library links: a layer that links another can include it, so the compiler keeps the arrows only
# as long as these lines do.

BEGIN {
    while ((getline line < table) > 0) {
        if (line !~ /^layer /)
            continue
        split(line, half, ":")
        name = half[1]
        sub(/^layer +/, "", name)
        n = split(half[2], word, /[ \t]+/)
        for (i = 1; i <= n; i++)
            if (word[i] != "")
                may[name, word[i]] = 1
    }
    folder["gm_kernels"] = "kernels"
}

FNR == 1 { open = 0 }
{ sub(/#.*/, "") }
/^[ \t]*gm_library\(/ { open = 1; text = "" }
open { text = text " " $0 }
open && /\)/ { open = 0; library_read(text) }

# Libraries of the tree are called gm_*; anything else is foreign and layers.awk's affair.
function library_read(text,    n, i, word, name) {
    gsub(/[()]/, " ", text)
    n = split(text, word, /[ \t]+/)
    name = ""
    for (i = 1; i < n; i++) {
        if (word[i] == "NAME")
            name = word[i + 1]
        if (word[i] == "FOLDER")
            folder[name] = word[i + 1]
    }
    for (i = 1; i <= n; i++)
        if (word[i] ~ /^gm_/ && word[i] != name && word[i] != "gm_library") {
            link_from[++links] = name
            link_to[links] = word[i]
        }
}

END {
    for (i = 1; i <= links; i++) {
        from = folder[link_from[i]]
        to = folder[link_to[i]]
        if (to == "") {
            printf "%s links %s, which is no layer\n", link_from[i], link_to[i]
            faults++
        } else if (from != to && !((from, to) in may)) {
            printf "%s (%s) may not link %s (%s)\n", link_from[i], from, link_to[i], to
            faults++
        }
    }
    if (links == 0) {
        print "no gm_library was found"
        faults++
    }
    exit faults > 0
}
