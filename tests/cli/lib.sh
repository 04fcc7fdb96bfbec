# What the scripts of this folder share: . tests/cli/lib.sh, with the program's path as $1. They run
# in a folder of their own, which goes when they end. Nothing waits by the clock: a run is stopped
# when it has said that it reached a step.
gradmill=$1
case $gradmill in /*) ;; *) gradmill=$PWD/$gradmill ;; esac
sources=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export TMPDIR="$folder"
# The flags of a test are all there is: nothing comes from the caller's environment.
for variable in $(env | sed -n 's/^\(GRADMILL_[A-Z_]*\)=.*/\1/p'); do unset "$variable"; done

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# expect CODE PATTERN ARGUMENT...: runs the program and looks at its exit code, and for the pattern
# (grep's) in what it said on either stream. What it said stays in said.txt.
expect() {
    code=$1
    pattern=$2
    shift 2
    status=0
    "$gradmill" "$@" >said.txt 2>&1 </dev/null || status=$?
    case $status in $code) right=yes ;; *) right=no ;; esac
    if [ $right = no ] || ! grep -q -e "$pattern" said.txt; then
        cat said.txt
        fail "gradmill $*: exit code $status, expected $code and \"$pattern\""
    fi
}

# json FIELD FILE: a text or a number of the last line that has it.
json() {
    sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$2" | tail -n 1
}

# params JOB DIR OPTION...: trains and prints the hash it ends with.
params() {
    job=$1
    shift
    "$gradmill" train "$job" --json --out "$@" >trained.txt || fail "train $job --out $*"
    json params trained.txt
}

# The instruction levels that this machine can run, one per word.
levels() {
    for level in reference scalar neon avx2 avx512; do
        status=0
        "$gradmill" grad "$1" --level $level --out level-$level.safetensors >said.txt 2>&1 ||
            status=$?
        case $status in
        0) echo $level ;;
        5) ;;
        *) cat said.txt >&2; fail "--level $level: exit code $status" ;;
        esac
        rm -f level-$level.safetensors
    done
}

# A small job over text that is the same everywhere: job_write NAME STEPS [REST OF "train"].
job_write() {
    [ -f text.txt ] || seq 1 6000 >text.txt
    [ -f config.json ] || cat >config.json <<'END'
{"model_type": "gpt2", "n_layer": 1, "n_head": 2, "n_embd": 18, "n_positions": 32,
 "vocab_size": 256, "resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0}
END
    cat >"$1.json" <<END
{
  "name": "$1",
  "model": {"config": "config.json", "init_seed": 5},
  "data": {"kind": "bytes", "path": "text.txt", "validation": 0.1},
  "train": {
    "steps": $2,
    "batch": 6,
    "seq": 24,
    "shards": 3,
    "seed": 9,
    "optimizer": {"name": "adamw", "lr": 0.003, "weight_decay": 0.1},
    "clip_norm": 1.0${3:-}
  }
}
END
}
