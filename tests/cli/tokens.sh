#!/bin/sh
# key and verify: modes, refusals, and what a token is worth. tokens.sh GRADMILL
set -eu
. tests/cli/lib.sh

# ---- keys ----
umask 000
expect 0 '^public  *[0-9a-f]\{64\}$' key new alice
[ "$(stat -c %a alice)" = 600 ] || fail "the secret key has mode $(stat -c %a alice)"
[ "$(stat -c %a alice.pub)" = 644 ] || fail "the public key has mode $(stat -c %a alice.pub)"
secret=$(tail -n 1 alice)
public=$(tail -n 1 alice.pub)
cp alice alice.before
expect 4 'exists already' key new alice
rm alice.pub
expect 4 'alice' key new alice
cmp alice alice.before
cp alice carol.pub
expect 4 'carol.pub' key new carol
[ ! -e carol ] || fail "half a pair was made"
for form in alice "$public"; do
    expect 0 "^public  *$public\$" key show "$form"
    ! grep -q "$secret" said.txt || fail "a secret was printed"
done
expect 0 "\"public\":\"$public\"" key show alice --json
expect 0 '"secret_file":"bob","public_file":"bob.pub"' key new bob --json
[ "$(tail -n 1 bob.pub)" != "$public" ] || fail "two keys are one"
chmod 640 alice
expect 7 'alice.*mode\|alice.*640' key show alice
expect 4 'nobody' key show nobody
printf 'gradmill-public-key-1\n1234\n' >short
expect 3 'short' key show short
expect 4 '' key new no/such/folder/key

# ---- tokens ----
# The frozen samples of the tests of trust, as files.
awk '
    /^TOKEN\(/ { name = $0; sub(/^TOKEN\(/, "", name); sub(/,.*/, "", name) }
    { line = $0
      while (match(line, /"[0-9a-f]+"/)) {
          hex[name] = hex[name] substr(line, RSTART + 1, RLENGTH - 2)
          line = substr(line, RSTART + RLENGTH)
      } }
    END { for (name in hex) {
              out = ""
              for (i = 1; i < length(hex[name]); i += 2)
                  out = out sprintf("\\%03o", 16 * digit(substr(hex[name], i, 1)) + \
                                              digit(substr(hex[name], i + 1, 1)))
              print name, out } }
    function digit(c) { return index("0123456789abcdef", c) - 1 }
' "$sources/tests/trust/token_vectors.inc" >samples.txt
while read -r name octal; do
    printf "$octal" >"$name.cose"
done <samples.txt
[ "$(ls ./*.cose | wc -l)" = 5 ] || fail "the samples were not read"

for name in attestation attestation_diverged lease receipt verdict; do
    kind=${name%_*}
    expect 0 "^$kind: valid, not trusted" verify $name.cose
    grep -q '^proves' said.txt || fail "$name: nothing is said of what it proves"
    expect 0 "\"kind\":\"$kind\",\"valid\":true,\"trusted\":false" verify $name.cose --json
    signer=$(json signer said.txt)
    expect 0 "^$kind: valid, trusted" verify $name.cose --key "$signer"
    expect 0 '"trusted":true' verify $name.cose --json --key bob.pub --key "$signer"
    printf 'gradmill-public-key-1\n%s\n' "$signer" >signer.pub
    expect 0 'valid, trusted' verify $name.cose --key signer.pub
    expect 7 'signed by a key that --key does not name' verify $name.cose --key bob.pub
    expect 7 '"trusted":false' verify $name.cose --key bob.pub --json
    if command -v b3sum >/dev/null; then
        [ "$(b3sum --no-names $name.cose)" = "$(json token said.txt)" ] || fail "$name: its name"
    fi

    # The last byte is the signature's; one in the middle is a claim's.
    size=$(wc -c <$name.cose)
    { head -c $((size - 1)) $name.cose; printf '\377'; } >flipped.cose
    ! cmp -s $name.cose flipped.cose || fail "$name: nothing was flipped"
    expect 7 'flipped.cose: .*signature is wrong' verify flipped.cose
    { head -c $((size - 80)) $name.cose; printf '\000'; tail -c 79 $name.cose; } >flipped.cose
    expect '[37]' 'flipped.cose: not' verify flipped.cose
    for cut in 0 1 40 $((size - 1)); do
        head -c $cut $name.cose >cut.cose
        expect 3 'cut.cose: not a token' verify cut.cose
    done
    { cat $name.cose; printf '\000'; } >long.cose
    expect 3 'long.cose: not a token' verify long.cose
done
expect 0 'result  *diverged at iteration 7, operation 300' verify attestation_diverged.cose
expect 0 'elapsed_ns  *864197532' verify receipt.cose
expect 0 'finding  *rejected' verify verdict.cose
expect 4 'nothing.cose' verify nothing.cose
expect 3 'not a token' verify bob.pub
head -c 5000 /dev/zero >zeros.cose
expect 3 'no token is longer' verify zeros.cose
expect 4 'neither 64 hex digits nor a file' verify lease.cose --key 1234

# Who is trusted is said on the command line: GRADMILL_KEY is a secret key to other verbs.
GRADMILL_KEY=$PWD/bob
export GRADMILL_KEY
expect 0 'not trusted: no key was named' verify lease.cose
