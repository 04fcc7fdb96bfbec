#!/usr/bin/python3
"""Compares our gradients and losses with PyTorch in float64.

  compare_torch.py self TOOL DIR      makes models of every family, runs TOOL (model_tool) on them
  compare_torch.py grads CONFIG WEIGHTS GRADIENTS BATCH
                                      checks the files that `gradmill grad` writes

The models are written out here, in plain PyTorch, from the papers and from the names of the
parameters. Criteria: per tensor ||g - r|| / ||r|| <= 1e-5, losses over 200 steps within 2e-3.
"""
import json
import math
import os
import struct
import subprocess
import sys

import torch
import torch.nn.functional as F

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


def load(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = bytearray(data[8 + size + begin : 8 + size + end])
        tensors[name] = torch.frombuffer(raw, dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def save(path, tensors, dtype="F32"):
    header, body = {}, b""
    for name, tensor in tensors.items():
        raw = bytes(tensor.to(TYPES[dtype]).contiguous().view(torch.uint8).flatten().tolist())
        header[name] = {
            "dtype": dtype,
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header).encode()
    open(path, "wb").write(struct.pack("<Q", len(text)) + text + body)


def activation(name, x):
    if name in ("gelu_new", "gelu_pytorch_tanh"):
        return F.gelu(x, approximate="tanh")
    return {"gelu": F.gelu, "relu": F.relu, "silu": F.silu}[name](x)


def attend(q, k, v, heads, kv_heads, scale):
    """q (B, T, H D), k and v (B, T, G D); head h reads group h // (H / G)."""
    b, t, _ = q.shape
    q = q.reshape(b, t, heads, -1).transpose(1, 2)
    k = k.reshape(b, t, kv_heads, -1).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    v = v.reshape(b, t, kv_heads, -1).transpose(1, 2).repeat_interleave(heads // kv_heads, 1)
    scores = q @ k.transpose(2, 3) * scale
    hidden = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    weights = scores.masked_fill(hidden, -math.inf).softmax(-1)
    return (weights @ v).transpose(1, 2).reshape(b, t, -1)


def gpt2(c, p, x):
    def norm(name, x):
        return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"],
                            c.get("layer_norm_epsilon", 1e-5))

    def conv1d(name, x):
        return x @ p[name + ".weight"] + p[name + ".bias"]

    n = c["n_embd"]
    h = p["transformer.wte.weight"][x] + p["transformer.wpe.weight"][: x.shape[1]]
    for i in range(c["n_layer"]):
        at = f"transformer.h.{i}."
        q, k, v = conv1d(at + "attn.c_attn", norm(at + "ln_1", h)).split(n, -1)
        scale = 1 / math.sqrt(n // c["n_head"]) if c.get("scale_attn_weights", True) else 1.0
        if c.get("scale_attn_by_inverse_layer_idx", False):
            scale /= i + 1
        o = attend(q, k, v, c["n_head"], c["n_head"], scale)
        h = h + conv1d(at + "attn.c_proj", o)
        inner = conv1d(at + "mlp.c_fc", norm(at + "ln_2", h))
        h = h + conv1d(at + "mlp.c_proj", activation(c.get("activation_function", "gelu_new"), inner))
    tied = c.get("tie_word_embeddings", True)
    head = p["transformer.wte.weight"] if tied else p["lm_head.weight"]
    return norm("transformer.ln_f", h) @ head.T


def llama(c, p, x):
    heads = c["num_attention_heads"]
    groups = c.get("num_key_value_heads") or heads
    size = c.get("head_dim") or c["hidden_size"] // heads

    def norm(name, x):
        rms = (x.pow(2).mean(-1, keepdim=True) + c.get("rms_norm_eps", 1e-6)).rsqrt()
        return x * rms * p[name + ".weight"]

    def linear(name, x):
        return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))

    def rotate(x):
        b, t, width = x.shape
        x = x.reshape(b, t, -1, size)
        turns = c.get("rope_theta", 10000.0) ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
        angles = torch.arange(t, dtype=torch.float64)[:, None] * turns
        cos, sin = angles.cos()[:, None], angles.sin()[:, None]
        low, high = x[..., : size // 2], x[..., size // 2 :]
        return torch.cat([low * cos - high * sin, high * cos + low * sin], -1).reshape(b, t, width)

    h = p["model.embed_tokens.weight"][x]
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        y = norm(at + "input_layernorm", h)
        q = rotate(linear(at + "self_attn.q_proj", y))
        k = rotate(linear(at + "self_attn.k_proj", y))
        v = linear(at + "self_attn.v_proj", y)
        h = h + linear(at + "self_attn.o_proj", attend(q, k, v, heads, groups, 1 / math.sqrt(size)))
        y = norm(at + "post_attention_layernorm", h)
        gate = activation(c.get("hidden_act", "silu"), linear(at + "mlp.gate_proj", y))
        h = h + linear(at + "mlp.down_proj", gate * linear(at + "mlp.up_proj", y))
    h = norm("model.norm", h)
    return h @ p[("model.embed_tokens" if c.get("tie_word_embeddings") else "lm_head") + ".weight"].T


def mlp(c, p, x):
    for i in range(len(c["hidden"])):
        x = activation(c["activation"], F.linear(x, p[f"layers.{i}.weight"], p[f"layers.{i}.bias"]))
    last = len(c["hidden"])
    return F.linear(x, p[f"layers.{last}.weight"], p[f"layers.{last}.bias"])


def convnet(c, p, x):
    for i in range(len(c["channels"])):
        x = F.conv2d(x, p[f"conv.{i}.weight"], p[f"conv.{i}.bias"], padding=c["kernel"] // 2)
        x = F.max_pool2d(activation(c["activation"], x), c["pool"])
    x = x.flatten(1)
    for i in range(len(c["hidden"])):
        x = activation(c["activation"], F.linear(x, p[f"fc.{i}.weight"], p[f"fc.{i}.bias"]))
    last = len(c["hidden"])
    return F.linear(x, p[f"fc.{last}.weight"], p[f"fc.{last}.bias"])


MODELS = {"gpt2": gpt2, "llama": llama, "gradmill-mlp": mlp, "gradmill-convnet": convnet}


def loss_sum(c, p, x, y):
    logits = MODELS[c["model_type"]](c, p, x)
    if c.get("loss") == "mse":
        return (logits - y).pow(2).sum(), y.numel()
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.flatten(), reduction="sum"), y.numel()


def in_double(tensors):
    return {n: t.double().requires_grad_() for n, t in tensors.items()}


def compare_gradients(config, weights, gradients, x, y, loss=None):
    p = in_double(weights)
    reference, _ = loss_sum(config, p, x, y)
    reference.backward()
    worst = 0.0
    assert set(gradients) == set(p), set(gradients) ^ set(p)
    for name, g in gradients.items():
        r = p[name].grad
        error = ((g.double() - r).norm() / r.norm()).item() if r.norm() > 0 else g.norm().item()
        worst = max(worst, error)
        if not error <= 1e-5:
            sys.exit(f"{name}: gradient is off by {error:.2e} (at most 1e-5)")
    if loss is not None and abs(loss - reference.item()) > 1e-5 * abs(reference.item()):
        sys.exit(f"loss {loss} differs from {reference.item()}")
    return worst


def raw_write(path, tensor):
    dtype = torch.float32 if tensor.is_floating_point() else torch.int32
    raw = tensor.to(dtype).contiguous().view(torch.uint8).flatten().tolist()
    open(path, "wb").write(bytes(raw))


def shapes(c):
    """Names and shapes of the family's parameters as its library stores them."""
    out = {}
    if c["model_type"] == "gpt2":
        n, inner = c["n_embd"], c.get("n_inner") or 4 * c["n_embd"]
        out["transformer.wte.weight"] = (c["vocab_size"], n)
        out["transformer.wpe.weight"] = (c["n_positions"], n)
        for i in range(c["n_layer"]):
            at = f"transformer.h.{i}."
            for name, a, b in (("attn.c_attn", n, 3 * n), ("attn.c_proj", n, n),
                               ("mlp.c_fc", n, inner), ("mlp.c_proj", inner, n)):
                out[at + name + ".weight"], out[at + name + ".bias"] = (a, b), (b,)
            for name in ("ln_1", "ln_2"):
                out[at + name + ".weight"], out[at + name + ".bias"] = (n,), (n,)
        out["transformer.ln_f.weight"], out["transformer.ln_f.bias"] = (n,), (n,)
        if not c.get("tie_word_embeddings", True):
            out["lm_head.weight"] = (c["vocab_size"], n)
    elif c["model_type"] == "llama":
        n, inner, heads = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
        size = c.get("head_dim") or n // heads
        q, kv = heads * size, (c.get("num_key_value_heads") or heads) * size
        out["model.embed_tokens.weight"] = (c["vocab_size"], n)
        for i in range(c["num_hidden_layers"]):
            at = f"model.layers.{i}."
            for name, a, b, bias in (("self_attn.q_proj", n, q, "attention_bias"),
                                     ("self_attn.k_proj", n, kv, "attention_bias"),
                                     ("self_attn.v_proj", n, kv, "attention_bias"),
                                     ("self_attn.o_proj", q, n, "attention_bias"),
                                     ("mlp.gate_proj", n, inner, "mlp_bias"),
                                     ("mlp.up_proj", n, inner, "mlp_bias"),
                                     ("mlp.down_proj", inner, n, "mlp_bias")):
                out[at + name + ".weight"] = (b, a)
                if c.get(bias):
                    out[at + name + ".bias"] = (b,)
            out[at + "input_layernorm.weight"] = out[at + "post_attention_layernorm.weight"] = (n,)
        out["model.norm.weight"] = (n,)
        if not c.get("tie_word_embeddings"):
            out["lm_head.weight"] = (c["vocab_size"], n)
    else:
        widths, group = [c.get("inputs")], "layers"
        if c["model_type"] == "gradmill-convnet":
            group, (channels, height, width) = "fc", c["input"]
            for i, o in enumerate(c["channels"]):
                out[f"conv.{i}.weight"] = (o, channels, c["kernel"], c["kernel"])
                out[f"conv.{i}.bias"] = (o,)
                channels, height, width = o, height // c["pool"], width // c["pool"]
            widths = [channels * height * width]
        widths += c["hidden"] + [c["outputs"]]
        for i in range(len(widths) - 1):
            out[f"{group}.{i}.weight"] = (widths[i + 1], widths[i])
            out[f"{group}.{i}.bias"] = (widths[i + 1],)
    return out


def random_weights(c, seed, std):
    g = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in shapes(c).items():
        is_norm = "ln_" in name or "norm" in name
        base = 1.0 if is_norm and name.endswith("weight") else 0.0
        weights[name] = base + std * torch.randn(shape, generator=g)
    return weights


CASES = {
    "gpt2-tied": dict(model_type="gpt2", n_layer=2, n_head=4, n_embd=48, n_positions=40,
                      vocab_size=97, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    "gpt2-untied-odd": dict(model_type="gpt2", n_layer=3, n_head=3, n_embd=39, n_positions=33,
                            vocab_size=101, n_inner=71, activation_function="gelu",
                            tie_word_embeddings=False, scale_attn_by_inverse_layer_idx=True),
    "gpt2-relu-unscaled": dict(model_type="gpt2", n_layer=1, n_head=1, n_embd=17, n_positions=33,
                               vocab_size=23, activation_function="relu", scale_attn_weights=False),
    "llama-grouped": dict(model_type="llama", hidden_size=60, intermediate_size=100,
                          num_hidden_layers=2, num_attention_heads=6, num_key_value_heads=2,
                          vocab_size=97, max_position_embeddings=64, rms_norm_eps=1e-5),
    "llama-tied-biases": dict(model_type="llama", hidden_size=42, intermediate_size=67,
                              num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
                              head_dim=10, vocab_size=51, max_position_embeddings=64,
                              rope_theta=500.0, tie_word_embeddings=True, attention_bias=True,
                              mlp_bias=True),
    "mlp": {"model_type": "gradmill-mlp", "inputs": 37, "hidden": [29, 18], "outputs": 10,
            "activation": "relu", "loss": "cross_entropy"},
    "mlp-mse": {"model_type": "gradmill-mlp", "inputs": 13, "hidden": [40], "outputs": 3,
                "activation": "gelu", "loss": "mse"},
    "convnet": {"model_type": "gradmill-convnet", "input": [2, 15, 18], "channels": [5, 7],
                "kernel": 3, "pool": 2, "hidden": [21], "outputs": 9, "activation": "relu"},
}


def random_batches(c, batch, seq, steps, seed):
    g = torch.Generator().manual_seed(seed)
    if c["model_type"] in ("gpt2", "llama"):
        # A sequence with something to learn: each token follows from the one before, with noise.
        v = c["vocab_size"]
        tokens = torch.randint(v, (steps, batch, seq + 1), generator=g)
        keep = torch.rand((steps, batch, seq), generator=g) < 0.8
        for t in range(seq):
            follow = (tokens[..., t] * 5 + 3) % v
            tokens[..., t + 1] = torch.where(keep[..., t], follow, tokens[..., t + 1])
        return tokens[..., :-1], tokens[..., 1:]
    shape = [c["inputs"]] if "inputs" in c else c["input"]
    x = torch.randn([steps, batch] + shape, generator=g)
    if c.get("loss") == "mse":
        return x, torch.randn((steps, batch, c["outputs"]), generator=g)
    return x, torch.randint(c["outputs"], (steps, batch), generator=g)


def wide(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


def check_case(tool, folder, name, config, dtype):
    at = os.path.join(folder, name)
    paths = {k: f"{at}.{k}" for k in ("config.json", "model.safetensors", "x", "y", "grads")}
    json.dump(config, open(paths["config.json"], "w"))
    save(paths["model.safetensors"], random_weights(config, 7, 0.15), dtype)
    weights = {n: t.float() for n, t in load(paths["model.safetensors"]).items()}
    x, y = random_batches(config, 3, 33, 1, 11)
    raw_write(paths["x"], x)
    raw_write(paths["y"], y)
    run = subprocess.run([tool, "grad", paths["config.json"], paths["model.safetensors"], "3",
                          paths["x"], paths["y"], paths["grads"]],
                         check=True, capture_output=True, text=True)
    loss, count = run.stdout.split()
    assert int(count) == y.numel(), (count, y.numel())
    worst = compare_gradients(config, weights, load(paths["grads"]), wide(x[0]), wide(y[0]),
                              float(loss))
    print(f"{name} ({dtype}): worst gradient off by {worst:.1e}")


def reference_losses(config, weights, x, y, steps):
    p = in_double(weights)
    decay = [t for n, t in p.items() if t.dim() >= 2]
    plain = [t for n, t in p.items() if t.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1},
                                   {"params": plain, "weight_decay": 0.0}],
                                  lr=3e-3, betas=(0.9, 0.95), eps=1e-8)
    losses, warmup = [], steps // 10
    for step in range(steps):
        progress = (step - warmup) / (steps - warmup)
        lr = 3e-3 * (step + 1) / warmup if step < warmup else \
            3e-4 + (3e-3 - 3e-4) * (1 + math.cos(math.pi * progress)) / 2
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss, count = loss_sum(config, p, x[step], y[step])
        (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 1.0)
        optimizer.step()
        losses.append(loss.item() / count)
    return losses


def check_curve(tool, folder, name, config, steps=200):
    at = os.path.join(folder, name + "-curve")
    paths = {k: f"{at}.{k}" for k in ("config.json", "model.safetensors", "x", "y", "losses")}
    json.dump(config, open(paths["config.json"], "w"))
    save(paths["model.safetensors"], random_weights(config, 3, 0.05))
    weights = load(paths["model.safetensors"])
    x, y = random_batches(config, 4, 16, steps, 5)
    raw_write(paths["x"], x)
    raw_write(paths["y"], y)
    subprocess.run([tool, "train", paths["config.json"], paths["model.safetensors"], "4",
                    paths["x"], paths["y"], str(steps), paths["losses"]], check=True)
    ours = [float(line) for line in open(paths["losses"])]
    reference = reference_losses(config, weights, x, y, steps)
    worst = max(abs(a - b) for a, b in zip(ours, reference))
    print(f"{name}: {steps} steps, loss {reference[0]:.3f} to {reference[-1]:.3f}, "
          f"off by at most {worst:.1e}")
    if len(ours) != steps or not worst <= 2e-3:
        sys.exit(f"{name}: the loss curve is off by {worst:.2e} (at most 2e-3)")
    if not reference[-1] < 0.8 * reference[0]:
        sys.exit(f"{name}: the reference did not learn, the comparison says little")


def check_init(tool, folder, name, config):
    """Spread and mean of every parameter at the start."""
    at = os.path.join(folder, name + "-init")
    json.dump(config, open(at + ".json", "w"))
    subprocess.run([tool, "init", at + ".json", "12345", at + ".safetensors"], check=True)
    tensors = load(at + ".safetensors")
    assert {n: tuple(t.shape) for n, t in tensors.items()} == shapes(config)
    assert list(tensors) == sorted(tensors)
    for n, t in tensors.items():
        if n.endswith("bias"):
            wanted = 0.0
        elif "ln_" in n:
            continue
        else:
            wanted = 0.02 / math.sqrt(2 * config["n_layer"]) if "c_proj" in n else 0.02
        if abs(t.std().item() - wanted) > 0.1 * wanted:
            sys.exit(f"{n}: starts with a spread of {t.std().item()}, expected {wanted}")


def check_refuses_a_wrong_gradient(tool, folder):
    """The comparison itself can fail."""
    config = CASES["mlp"]
    weights = random_weights(config, 1, 0.1)
    x, y = random_batches(config, 3, 0, 1, 2)
    p = in_double(weights)
    loss_sum(config, p, wide(x[0]), y[0])[0].backward()
    wrong = {n: t.grad.clone() for n, t in p.items()}
    wrong["layers.0.bias"][0] += 1e-3
    try:
        compare_gradients(config, weights, wrong, wide(x[0]), y[0])
    except SystemExit:
        return
    sys.exit("a gradient that is off by 1e-3 passed")


def self_main(tool, folder):
    torch.set_num_threads(1)
    check_refuses_a_wrong_gradient(tool, folder)
    for name, config in CASES.items():
        if config["model_type"] == "gpt2":
            config = {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0, **config}
        dtypes = ("F32", "F16", "BF16", "F64") if name == "gpt2-tied" else ("F32",)
        for dtype in dtypes:
            check_case(tool, folder, name, config, dtype)
    check_init(tool, folder, "gpt2", CASES["gpt2-tied"])
    check_curve(tool, folder, "gpt2", CASES["gpt2-tied"])
    check_curve(tool, folder, "llama", CASES["llama-grouped"])


def grads_main(config, weights, gradients, batch):
    """Files of `gradmill grad`: means over the batch, whose ids and classes are whole floats."""
    config = json.load(open(config))
    gradients, batch = load(gradients), load(batch)
    tokens = config["model_type"] in ("gpt2", "llama")
    x = batch["x"].long() if tokens else batch["x"].double()
    y = batch["y"].double() if config.get("loss") == "mse" else batch["y"].long()
    loss = gradients.pop("loss").item() * y.numel()
    sums = {name: g.double() * y.numel() for name, g in gradients.items()}
    return compare_gradients(config, load(weights), sums, x, y, loss)


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "self":
        self_main(sys.argv[2], sys.argv[3])
    elif len(sys.argv) == 6 and sys.argv[1] == "grads":
        print(f"worst gradient off by {grads_main(*sys.argv[2:]):.1e}")
    else:
        sys.exit(__doc__)
