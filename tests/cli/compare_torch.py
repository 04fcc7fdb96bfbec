#!/usr/bin/python3
"""Compares the program's own output with PyTorch in float64: compare_torch.py GRADMILL DIR

Gradients: `gradmill grad` on models of several shapes, with weights that Python made.
Loss curves: `gradmill train --json`, against AdamW in float64 over the same batches. The order of
the samples is computed here a second time, from docs/numerics.md, and checked against --batch-out.
The models and the criteria are those of tests/model/compare_torch.py.
"""
import array
import json
import os
import subprocess
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "model"))
import compare_torch as reference  # noqa: E402

MASK32 = 0xFFFFFFFF
BATCH, SEQ, SHARDS, STEPS, SEED = 6, 17, 3, 200, 77


def philox(seed, stream, index):
    key = [seed & MASK32, seed >> 32]
    c = [index & MASK32, index >> 32, stream & MASK32, stream >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ key[0], b & MASK32, a >> 32 ^ c[3] ^ key[1], a & MASK32]
        key = [(key[0] + 0x9E3779B9) & MASK32, (key[1] + 0xBB67AE85) & MASK32]
    return c


def shuffled(seed, epoch, n, index):
    """Where a keyed permutation of [0, n) puts index."""
    width = 1
    while 1 << 2 * width < n:
        width += 1
    keys = philox(seed, epoch, 0) + philox(seed, epoch, 1)
    mask = (1 << width) - 1
    while True:
        left, right = index >> width, index & mask
        for key in keys:
            h = right ^ key
            h = (h ^ h >> 16) * 0x85EBCA6B & MASK32
            h = (h ^ h >> 13) * 0xC2B2AE35 & MASK32
            left, right = right, left ^ ((h ^ h >> 16) & mask)
        index = left << width | right
        if index < n:
            return index


def batch_of(tokens, step):
    n = (len(tokens) - 1) // SEQ
    rows = []
    for g in range(step * BATCH, (step + 1) * BATCH):
        sample = shuffled(SEED, g // n, n, g % n)
        rows.append(tokens[sample * SEQ : sample * SEQ + SEQ + 1])
    rows = torch.tensor(rows)
    return rows[:, :-1], rows[:, 1:]


def job_write(folder, config, std, optimizer):
    weights = reference.random_weights(config, 3, std)
    reference.save(os.path.join(folder, "weights.safetensors"), weights)
    x, _ = reference.random_batches(config, 1, 40 * SEQ, 1, 5)
    tokens = x.flatten().tolist()
    with open(os.path.join(folder, "tokens.bin"), "wb") as file:
        file.write(array.array("H", tokens).tobytes())
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    job = {
        "name": "compare",
        "model": {"config": "config.json", "weights": "weights.safetensors"},
        "data": {"kind": "tokens", "path": "tokens.bin"},
        "train": {"steps": STEPS, "batch": BATCH, "seq": SEQ, "shards": SHARDS, "seed": SEED,
                  "optimizer": optimizer, "clip_norm": 1.0,
                  "schedule": {"name": "cosine", "warmup": STEPS // 10, "min_lr": 3e-4}},
    }
    with open(os.path.join(folder, "job.json"), "w") as file:
        json.dump(job, file)
    return weights, tokens


OPTIMIZER = {"name": "adamw", "lr": 3e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1}


def check_gradients(gradmill, folder, name, config):
    os.mkdir(folder)
    _, tokens = job_write(folder, config, 0.1, OPTIMIZER)
    worst = 0.0
    for step in (0, 9):
        paths = [os.path.join(folder, f"{kind}{step}.safetensors") for kind in "gwb"]
        subprocess.run([gradmill, "grad", os.path.join(folder, "job.json"), "--step", str(step),
                        "--out", paths[0], "--weights-out", paths[1], "--batch-out", paths[2]],
                       check=True, stdout=subprocess.DEVNULL)
        worst = max(worst, reference.grads_main(os.path.join(folder, "config.json"),
                                                paths[1], paths[0], paths[2]))
        written, (x, y) = reference.load(paths[2]), batch_of(tokens, step)
        if not (torch.equal(written["x"].long(), x) and torch.equal(written["y"].long(), y)):
            sys.exit(f"{name}: the batch of step {step} is not the one that is documented")
    print(f"{name}: worst gradient off by {worst:.1e}")


def check_curve(gradmill, folder, name, config):
    os.mkdir(folder)
    weights, tokens = job_write(folder, config, 0.05, OPTIMIZER)
    run = subprocess.run([gradmill, "train", os.path.join(folder, "job.json"), "--json", "--out",
                          os.path.join(folder, "out")], check=True, capture_output=True, text=True)
    events = [json.loads(line) for line in run.stdout.splitlines()]
    ours = [event["loss"] for event in events if event["event"] == "step"]
    batches = [batch_of(tokens, step) for step in range(STEPS)]
    losses = reference.reference_losses(config, weights, [x for x, _ in batches],
                                        [y for _, y in batches], STEPS)
    if len(ours) < STEPS:
        sys.exit(f"{name}: {len(ours)} losses for {STEPS} steps")
    worst = max(abs(a - b) for a, b in zip(ours, losses))
    print(f"{name}: {STEPS} steps, loss {losses[0]:.3f} to {losses[-1]:.3f}, "
          f"off by at most {worst:.1e}")
    if not worst <= 2e-3:
        sys.exit(f"{name}: the loss curve is off by {worst:.2e} (at most 2e-3)")
    if not losses[-1] < 0.9 * losses[0]:
        sys.exit(f"{name}: the reference did not learn, the comparison says little")


def main(gradmill, folder):
    torch.set_num_threads(1)
    for name in ("gpt2-tied", "gpt2-untied-odd", "llama-grouped", "llama-tied-biases"):
        config = {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0, **reference.CASES[name]} \
            if name.startswith("gpt2") else reference.CASES[name]
        check_gradients(gradmill, os.path.join(folder, name), name, config)
    for name in ("gpt2-tied", "llama-grouped"):
        check_curve(gradmill, os.path.join(folder, name + "-curve"), name, reference.CASES[name])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
