"""Writes the ONNX models of this folder and what they have to answer: see README.md."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.float16 import convert_float_to_float16
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
STEPS = 64
SHAPE = dict(
    vocab_size=64,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=128,
    rope_theta=10000.0,
    rms_norm_eps=1e-5,
    tie_word_embeddings=False,
)
LAYERS, HEADS, KV_HEADS, HEAD_DIM = 2, 4, 2, 16


def make_model():
    torch.manual_seed(7)
    # Large weights: answers that differ from step to step, with clear winners.
    config = LlamaConfig(**SHAPE, initializer_range=0.35, bos_token_id=1, eos_token_id=2, attn_implementation="eager")
    return LlamaForCausalLM(config).float().eval()


class WithCacheAsTensors(torch.nn.Module):
    """The model with its cache as plain inputs and outputs, as exporters wrap it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        cache = DynamicCache()
        for layer in range(LAYERS):
            cache.update(past[2 * layer], past[2 * layer + 1], layer)
        result = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            past_key_values=cache,
            use_cache=True,
        )
        present = []
        for layer in range(LAYERS):
            present += [result.past_key_values.layers[layer].keys, result.past_key_values.layers[layer].values]
        return result.logits, *present


def cache_names(prefix):
    return [f"{prefix}.{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]


def export_plain(model, path):
    """torch.onnx's own export: attention in plain operators, the cache grows by Concat."""
    past_names, present_names = cache_names("past_key_values"), cache_names("present")
    length, past = 3, 5
    inputs = (
        torch.zeros(2, length, dtype=torch.long),
        torch.ones(2, past + length, dtype=torch.long),
        torch.arange(past, past + length).expand(2, -1),
        *[torch.zeros(2, KV_HEADS, past, HEAD_DIM) for _ in past_names],
    )
    axes = {
        "input_ids": {0: "batch_size", 1: "sequence_length"},
        "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
        "position_ids": {0: "batch_size", 1: "sequence_length"},
        "logits": {0: "batch_size", 1: "sequence_length"},
    }
    for name in past_names:
        axes[name] = {0: "batch_size", 2: "past_sequence_length"}
    for name in present_names:
        axes[name] = {0: "batch_size", 2: "total_sequence_length"}
    torch.onnx.export(
        WithCacheAsTensors(model),
        inputs,
        str(path),
        input_names=["input_ids", "attention_mask", "position_ids", *past_names],
        output_names=["logits", *present_names],
        dynamic_axes=axes,
        opset_version=18,
        dynamo=False,
    )
    # Where in Python each node comes from is most of the file.
    exported = onnx.load(str(path))
    for node in exported.graph.node:
        node.ClearField("doc_string")
        node.ClearField("metadata_props")
    del exported.graph.value_info[:]
    onnx.save_model(exported, str(path))


def build_grouped(model):
    """The same model in the operators and names of onnxruntime-genai's builder: one GroupQueryAttention a layer."""
    state = {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    nodes, weights = [], []

    def add(op, inputs, output, domain="", **attributes):
        nodes.append(helper.make_node(op, inputs, output if isinstance(output, list) else [output], domain=domain, **attributes))
        return output if isinstance(output, str) else output[0]

    def weight(name, values):
        weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def linear(value, source, name):
        return add("MatMul", [value, weight(f"{name}.weight", state[f"{source}.weight"].T)], f"{name}/MatMul")

    ms = dict(domain="com.microsoft")
    one, axis = weight("one", np.array([1], np.int64)), weight("axis_one", np.array([1], np.int64))
    last = add("Sub", [add("ReduceSum", ["attention_mask", axis], "mask/ReduceSum"), one], "mask/Sub")
    seqlens = add("Cast", [last], "mask/seqlens_k", to=TensorProto.INT32)
    total = add("Gather", [add("Shape", ["attention_mask"], "mask/Shape"), weight("index_one", np.array(1, np.int64))], "mask/Gather", axis=0)
    total = add("Cast", [total], "mask/total", to=TensorProto.INT32)
    frequencies = SHAPE["rope_theta"] ** (-np.arange(0, HEAD_DIM, 2, dtype=np.float64) / HEAD_DIM)
    angles = np.outer(np.arange(SHAPE["max_position_embeddings"]), frequencies)
    cos, sin = weight("cos_cache", np.cos(angles).astype(np.float32)), weight("sin_cache", np.sin(angles).astype(np.float32))
    norm = dict(axis=-1, epsilon=SHAPE["rms_norm_eps"], stash_type=1)
    skip = dict(epsilon=SHAPE["rms_norm_eps"])
    stream = add("Gather", [weight("embed.weight", state["model.embed_tokens.weight"]), "input_ids"], "embed")
    normed = add("SimplifiedLayerNormalization", [stream, weight("norm0.weight", state["model.layers.0.input_layernorm.weight"])], "norm0", **norm)
    for layer in range(LAYERS):
        source, name = f"model.layers.{layer}", f"layers.{layer}"
        q, k, v = (linear(normed, f"{source}.self_attn.{part}_proj", f"{name}.{part}") for part in "qkv")
        past = [f"past_key_values.{layer}.{part}" for part in ("key", "value")]
        present = [f"present.{layer}.{part}" for part in ("key", "value")]
        attended = add(
            "GroupQueryAttention",
            [q, k, v, *past, seqlens, total, cos, sin],
            [f"{name}.attention", *present],
            num_heads=HEADS,
            kv_num_heads=KV_HEADS,
            scale=HEAD_DIM**-0.5,
            do_rotary=1,
            rotary_interleaved=0,
            **ms,
        )
        projected = linear(attended, f"{source}.self_attn.o_proj", f"{name}.o")
        gain = weight(f"{name}.norm.weight", state[f"{source}.post_attention_layernorm.weight"])
        add("SkipSimplifiedLayerNormalization", [stream, projected, gain], [f"{name}.norm", "", "", f"{name}.stream"], **skip, **ms)
        gate, up = (linear(f"{name}.norm", f"{source}.mlp.{part}_proj", f"{name}.{part}") for part in ("gate", "up"))
        silu = add("Mul", [gate, add("Sigmoid", [gate], f"{name}.sigmoid")], f"{name}.silu")
        down = linear(add("Mul", [silu, up], f"{name}.gated"), f"{source}.mlp.down_proj", f"{name}.down")
        final = layer == LAYERS - 1
        gain = "model.norm.weight" if final else f"model.layers.{layer + 1}.input_layernorm.weight"
        stream = f"{name}.out"
        normed = f"{name}.normed"
        add("SkipSimplifiedLayerNormalization", [f"{name}.stream", down, weight(f"{name}.out.weight", state[gain])], [normed, "", "", "" if final else stream], **skip, **ms)
    nodes.append(helper.make_node("MatMul", [normed, weight("lm_head.weight", state["lm_head.weight"].T)], ["logits"]))
    integers, floats = TensorProto.INT64, TensorProto.FLOAT
    value = helper.make_tensor_value_info
    inputs = [value("input_ids", integers, ["batch_size", "sequence_length"]), value("attention_mask", integers, ["batch_size", "total_sequence_length"])]
    inputs += [value(name, floats, ["batch_size", KV_HEADS, "past_sequence_length", HEAD_DIM]) for name in cache_names("past_key_values")]
    outputs = [value("logits", floats, ["batch_size", "sequence_length", SHAPE["vocab_size"]])]
    outputs += [value(name, floats, ["batch_size", KV_HEADS, "total_sequence_length", HEAD_DIM]) for name in cache_names("present")]
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(helper.make_graph(nodes, "decoder", inputs, outputs, weights), opset_imports=opsets, ir_version=10)


def greedy_torch(model, prompt):
    tokens, rows = list(prompt), []
    with torch.no_grad():
        for _ in range(STEPS):
            logits = model(torch.tensor([tokens])).logits[0, -1].numpy()
            rows.append(logits)
            tokens.append(int(logits.argmax()))
    return tokens[len(prompt):], rows


def greedy_runtime(path, prompt):
    """Greedy decoding with the cache fed back as it comes out."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = {port.name: port.type for port in session.get_inputs()}
    kind = np.float16 if "float16" in names["past_key_values.0.key"] else np.float32
    cache = {name: np.zeros((1, KV_HEADS, 0, HEAD_DIM), kind) for name in cache_names("past_key_values")}
    tokens, rows, fed, past = [], [], list(prompt), 0
    for _ in range(STEPS):
        feeds = {**cache, "input_ids": np.array([fed], np.int64), "attention_mask": np.ones((1, past + len(fed)), np.int64)}
        if "position_ids" in names:
            feeds["position_ids"] = np.arange(past, past + len(fed), dtype=np.int64)[None]
        logits, *present = session.run(["logits", *cache_names("present")], feeds)
        cache = dict(zip(cache_names("past_key_values"), present))
        past += len(fed)
        rows.append(logits[0, -1].astype(np.float32))
        fed = [int(rows[-1].argmax())]
        tokens += fed
    return tokens, rows


def save_external(model, folder):
    onnx.save_model(model, str(folder / "model.onnx"), save_as_external_data=True, location="model.onnx.data", size_threshold=1024)


def q4(source, target):
    quantizer = MatMulNBitsQuantizer(onnx.load(str(source)), block_size=32, is_symmetric=True, accuracy_level=0)
    quantizer.process()
    onnx.save_model(quantizer.model.model, str(target))


def main():
    model = make_model()
    prompt = [1, 17, 42, 5, 33, 60, 8, 21, 54, 11, 3, 29]
    hub, genai = HERE / "hub", HERE / "genai"
    for folder in (hub, genai):
        shutil.rmtree(folder, ignore_errors=True)
    (hub / "onnx").mkdir(parents=True)
    genai.mkdir()
    onnx_folder = hub / "onnx"
    export_plain(model, onnx_folder / "model.onnx")
    q4(onnx_folder / "model.onnx", onnx_folder / "model_q4.onnx")
    grouped = build_grouped(model)
    quantize_dynamic(grouped, str(onnx_folder / "model_quantized.onnx"), weight_type=QuantType.QInt8, extra_options={"DefaultTensorType": TensorProto.FLOAT})
    grouped = build_grouped(model)  # that one was changed in place
    onnx.save_model(convert_float_to_float16(onnx.ModelProto.FromString(grouped.SerializeToString())), str(onnx_folder / "model_fp16.onnx"))
    save_external(grouped, genai)
    config = {**SHAPE, "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2}
    (hub / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (genai / "genai_config.json").write_text(json.dumps(genai_config(), indent=2) + "\n")
    answers = {}
    for path in [*sorted(onnx_folder.glob("*.onnx")), genai / "model.onnx"]:
        exact = path.name == "model.onnx"
        tokens, rows = greedy_torch(model, prompt) if exact else greedy_runtime(path, prompt)
        answers[str(path.relative_to(HERE))] = {
            "by": "torch" if exact else "onnxruntime",
            "tokens": tokens,
            "logits": {str(step): [float(f"{value:.6g}") for value in rows[step]] for step in (0, 31, 63)},
        }
    (HERE / "reference.json").write_text(json.dumps({"prompt": prompt, "models": answers}) + "\n")


def genai_config():
    return {
        "model": {
            "bos_token_id": 1,
            "context_length": SHAPE["max_position_embeddings"],
            "decoder": {
                "session_options": {"log_id": "onnxruntime-genai", "provider_options": []},
                "filename": "model.onnx",
                "head_size": HEAD_DIM,
                "hidden_size": SHAPE["hidden_size"],
                "inputs": {
                    "input_ids": "input_ids",
                    "attention_mask": "attention_mask",
                    "past_key_names": "past_key_values.%d.key",
                    "past_value_names": "past_key_values.%d.value",
                },
                "outputs": {"logits": "logits", "present_key_names": "present.%d.key", "present_value_names": "present.%d.value"},
                "num_attention_heads": HEADS,
                "num_hidden_layers": LAYERS,
                "num_key_value_heads": KV_HEADS,
            },
            "eos_token_id": 2,
            "pad_token_id": 2,
            "type": "llama",
            "vocab_size": SHAPE["vocab_size"],
        },
        "search": {"do_sample": False, "max_length": SHAPE["max_position_embeddings"], "past_present_share_buffer": True, "temperature": 1.0, "top_k": 1, "top_p": 1.0},
    }


if __name__ == "__main__":
    sys.exit(main())
