#!/bin/sh
# Bad job files, configs, data and weights: each is named with its place, nothing is left behind.
# inputs.sh GRADMILL
set -eu
. tests/cli/lib.sh

# refuse CODE PATTERN JOB: train refuses the job and leaves no model.
refuse() {
    expect "$1" "$2" train "$3" --out refused
    [ ! -e refused/model.safetensors ] || fail "$3 gave a model"
    rm -rf refused
}
# broken SED: the good job with one change, as bad.json.
broken() {
    sed "$1" job.json >bad.json
    ! cmp -s job.json bad.json || fail "the change \"$1\" changes nothing"
}

job_write job 2
refuse 4 'nowhere.json: cannot open' nowhere.json
broken 's/"lr": 0.003/"lr": "fast"/'
refuse 3 'bad.json:11: train.optimizer.lr: .*fast' bad.json
broken 's/"steps"/"stepz"/'
refuse 3 'bad.json:6: train.stepz: unknown field.*steps' bad.json
broken 's/"shards": 3/"shards": 4/'
refuse 3 'bad.json:9: train.shards: 4 does not divide' bad.json
broken 's/"steps": 2/"steps": -1/'
refuse 3 'bad.json:6: train.steps' bad.json
broken '/"seq"/d'
refuse 3 'train.seq: is missing' bad.json
broken 's/"seq": 24/"seq": 33/'
refuse 3 'positions\|33' bad.json
broken '$d'
refuse 3 'bad.json' bad.json
: >bad.json
refuse 3 'bad.json' bad.json
broken 's/text.txt/no-text*/'
refuse 4 'no-text' bad.json
head -c 100 text.txt >short.txt
broken 's/text.txt/short.txt/'
refuse 3 'fewer than one batch of 6' bad.json
broken 's/config.json/other.json/'
refuse 4 'other.json' bad.json
for change in 's/"n_head": 2/"n_head": 5/;n_head' 's/"n_layer": 1/"n_layer": 0/;n_layer' \
    's/256/99999999999/;vocab_size' 's/"n_embd": 18/"n_embd": 1e9/;n_embd' \
    's/"embd_pdrop": 0/"embd_pdrop": 0.1/;embd_pdrop'; do
    sed "${change%;*}" config.json >other.json
    refuse 3 "other.json:[0-9]*: .*${change#*;}" bad.json
done

# Token ids beyond the vocabulary.
sed 's/256/50/' config.json >other.json
printf '\001\000\002\000\003\000' >good.bin
i=0
while [ $i -lt 8 ]; do cat good.bin good.bin good.bin good.bin >more.bin; mv more.bin good.bin; i=$((i + 1)); done
sed 's/config.json/other.json/; s/"bytes"/"tokens"/; s/text.txt/good.bin/' job.json >tokens.json
[ -n "$(params tokens.json tokens)" ] || fail "tokens"
{ cat good.bin; printf '\063\000'; } >bad.bin
sed 's/good.bin/bad.bin/' tokens.json >bad.json
refuse 3 'bad.bin.*51' bad.json

# Weights: what train writes, train reads, bit for bit.
[ -n "$(params job.json first)" ] || fail "train"
sed 's/"init_seed": 5/"weights": "first\/model.safetensors"/' job.json >second.json
"$gradmill" grad second.json --out g.safetensors --weights-out w.safetensors >/dev/null
cmp w.safetensors first/model.safetensors
[ -n "$(params second.json second)" ] || fail "training from weights"
! cmp -s first/model.safetensors second/model.safetensors || fail "training from weights changed none"
size=$(wc -c <first/model.safetensors)
for cut in 4 100 $((size - 1)); do
    head -c $cut first/model.safetensors >cut.safetensors
    sed 's/first.model/cut/' second.json >bad.json
    refuse 3 'cut.safetensors' bad.json
done
sed 's/config.json/wider.json/' second.json >bad.json
sed 's/"n_embd": 18/"n_embd": 20/' config.json >wider.json
refuse 3 'first/model.safetensors: .*shape\|first/model.safetensors: .*(.*18' bad.json
printf 'not a model at all' >cut.safetensors
sed 's/first.model/cut/' second.json >bad.json
refuse 3 'cut.safetensors' bad.json

# A device that is not here, a limit that is too small.
expect 5 'level "mmx" does not run here, expected one of reference, scalar' train job.json --level mmx \
    --out refused
expect 4 'no backend "cuda9"' train job.json --backend cuda9 --out refused
expect 5 '' train job.json --memory 1KiB --out refused
[ ! -e refused/model.safetensors ] || fail "a limit was not kept"
