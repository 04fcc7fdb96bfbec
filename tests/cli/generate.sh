#!/bin/sh
# generate and grad: the same on every level, and what they refuse. generate.sh GRADMILL
set -eu
. tests/cli/lib.sh

job_write job 25
[ -n "$(params job.json model)" ] || fail "train"
available=$(levels job.json)

text() { "$gradmill" generate model --prompt '12' --tokens 70 "$@" || fail "generate $*"; }
text >want.txt
case $(cat want.txt) in 12*) ;; *) fail "the text does not begin with its prompt" ;; esac
text --json >want.json
tokens=$(sed 's/.*"tokens":\[\([0-9,]*\)\].*/\1/' want.json)
[ "$(echo "$tokens" | tr ',' '\n' | wc -l)" = 70 ] || fail "not 70 tokens: $tokens"
for level in $available; do
    for threads in 1 3; do
        text --level "$level" --threads $threads >said.txt
        cmp want.txt said.txt || fail "another text at level $level with $threads threads"
        "$gradmill" grad job.json --step 1 --level "$level" --threads $threads \
            --out "g-$level-$threads.safetensors" >/dev/null
        [ -e g-want.safetensors ] || cp "g-$level-$threads.safetensors" g-want.safetensors
        cmp g-want.safetensors "g-$level-$threads.safetensors" ||
            fail "gradients differ at level $level with $threads threads"
    done
done
text --seed 1 | cmp -s want.txt - && fail "the seed changes nothing"
text --temperature 0 >cold.txt
text --temperature 0 --seed 1 | cmp cold.txt -
text --top-k 1 --temperature 9 | cmp cold.txt -
text --window 4 --temperature 0 >said.txt # only the last four tokens count
"$gradmill" generate model --prompt 'other words 12' --window 2 --temperature 0 --tokens 30 |
    tail -c 31 >one.txt
"$gradmill" generate model --prompt '12' --window 2 --temperature 0 --tokens 30 | tail -c 31 >two.txt
cmp one.txt two.txt
"$gradmill" generate model/model.safetensors --prompt '12' --tokens 70 | cmp want.txt -
"$gradmill" generate model --prompt-tokens 49,50 --tokens 70 | cmp want.txt -

expect 2 'one of --prompt and --prompt-tokens' generate model
expect 2 'the prompt has 0 tokens' generate model --prompt ''
expect 2 '"256" is not' generate model --prompt-tokens 1,256
expect 2 -- '--window' generate model --prompt a --window 33
expect 4 'nowhere' generate nowhere/model.safetensors --prompt a
head -c 3000 model/model.safetensors >cut.safetensors
expect 3 'cut.safetensors' generate cut.safetensors --prompt a

# Another vocabulary: ids in, ids out.
mkdir ids
sed 's/256/51/' config.json >ids/config.json
sed 's/config.json/ids\/config.json/; s/"bytes"/"tokens"/; s/text.txt/ids.bin/' job.json >ids.json
i=0
while [ $i -lt 500 ]; do
    printf '\001\000\062\000'
    i=$((i + 1))
done >ids.bin
"$gradmill" grad ids.json --out g.safetensors --weights-out ids/model.safetensors \
    --batch-out b.safetensors >/dev/null
expect 2 'not bytes' generate ids --prompt a
expect 0 '^1,50,[0-9]*,[0-9]*$' generate ids --prompt-tokens 1,50 --tokens 2
expect 2 '"51" is not' generate ids --prompt-tokens 51
head -c 400 b.safetensors | grep -q '"x":{"dtype":"F32","shape":\[6,24\]' || fail "the batch's shape"
expect 4 'exists already' grad ids.json --out g.safetensors
expect 4 'exists already' grad ids.json --out new.safetensors --batch-out b.safetensors
expect 2 -- '--step' grad ids.json --out new.safetensors --step 25
[ ! -e new.safetensors ] || fail "a refused command wrote a file"
[ -z "$(find . -name 'gradmill-*')" ] || fail "a scratch folder was left"
