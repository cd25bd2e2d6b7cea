"""
Makes the models and vectors in test/vectors/embedding with PyTorch and transformers, which share no code with Porchlight:

    python3 -m venv venv && venv/bin/pip install torch transformers tokenizers numpy onnx onnxscript
    venv/bin/python test/support/embedding-reference.py test/vectors/embedding

Each model is tiny and has random weights, wide enough that every part of the graph shows in the vectors. Beside the files of a model
lies expected.json: texts, their token ids by the `tokenizers` library, and the vectors, pooled and normalised here in float64.
bert-mean.onnx is the first model once more, as PyTorch exports it.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import transformers as tf
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = "a the cat dog sat ran on under mat tree rain is falling blue sky what colour of water ##s ##ing ##ed ? . ,".split()
TEXTS = ["the cat sat on the mat", "a dog ran", "what colour is the sky ?", "a", "rain is falling , the dogs ran under the tree . a cat sat on a mat ."]
SIZE = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3, "max_position_embeddings": 40}


def tokenizer_of(specials, unknown, before, after):
    vocabulary = {word: i for i, word in enumerate([*specials, *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(specials)
    around = [*before, *after]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join([*before, "$A", *after]), special_tokens=[(token, vocabulary[token]) for token in around]
    )
    return tokenizer, len(vocabulary)


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    for name, weights in model.named_parameters():
        noise = torch.randn(weights.shape, generator=generator)
        is_gain = "norm" in name.lower() and name.endswith("weight")
        weights.data = 1 + 0.2 * noise if is_gain else 0.3 * noise
    return model.eval()


def pooled(states, mode):
    if mode == "mean":
        vector = states.mean(axis=0)
    elif mode == "max":
        vector = states.max(axis=0)
    else:
        vector = states[0] if mode == "cls" else states[-1]
    return vector / np.linalg.norm(vector)


BERT = (["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "[UNK]", ["[CLS]"], ["[SEP]"])
ROBERTA = (["<s>", "<pad>", "</s>", "<unk>"], "<unk>", ["<s>"], ["</s>"])
QWEN = (["<|pad|>", "<|end|>", "<|unk|>"], "<|unk|>", [], ["<|end|>"])
QWEN_CONFIG = {**SIZE, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "rope_theta": 5000.0, "tie_word_embeddings": True}

MODELS = {
    "bert-mean": (BERT, tf.BertConfig, tf.BertModel, {**SIZE, "pad_token_id": 0}, "mean"),
    "bert-cls": (BERT, tf.BertConfig, tf.BertModel, {**SIZE, "pad_token_id": 0, "hidden_act": "gelu_new"}, "cls"),
    "xlm-roberta": (ROBERTA, tf.XLMRobertaConfig, tf.XLMRobertaModel, {**SIZE, "pad_token_id": 1, "type_vocab_size": 1, "layer_norm_eps": 1e-5}, "mean"),
    "mpnet": (ROBERTA, tf.MPNetConfig, tf.MPNetModel, {**SIZE, "pad_token_id": 1, "relative_attention_num_buckets": 32}, "mean"),
    "distilbert": (
        BERT,
        tf.DistilBertConfig,
        tf.DistilBertModel,
        {"dim": 24, "hidden_dim": 40, "n_layers": 2, "n_heads": 3, "max_position_embeddings": 40, "pad_token_id": 0},
        "max",
    ),
    "qwen3": (QWEN, tf.Qwen3Config, tf.Qwen3Model, QWEN_CONFIG, "last"),
}
FLAGS = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens", "last": "lasttoken"}
PROMPTS = {"query": "what is the colour of : ", "document": ""}


def write(folder, name, value):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value) + "\n")


class States(torch.nn.Module):
    """A BERT whose only output is the states of its last layer."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def export(folder, path):
    model = tf.BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="eager").eval()
    ids = torch.ones(2, 5, dtype=torch.long)
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "texts", 1: "length"} for name in [*inputs, "last_hidden_state"]}
    torch.onnx.export(
        States(model), (ids, ids, ids * 0), path, input_names=inputs, output_names=["last_hidden_state"], dynamic_axes=axes, opset_version=17, dynamo=False
    )


def make(folder, seed, parts, config_class, model_class, fields, mode):
    tokenizer, size = tokenizer_of(*parts)
    model = randomise(model_class(config_class(vocab_size=size, **fields)), seed)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    write(folder, "tokenizer_config.json", {})
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    write(folder, "modules.json", [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"} for i, (path, kind) in enumerate(kinds)])
    write(folder, "1_Pooling/config.json", {"word_embedding_dimension": 24, **{f"pooling_mode_{flag}": flag == FLAGS[mode] for flag in FLAGS.values()}})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 32})
    if mode == "last":
        write(folder, "config_sentence_transformers.json", {"prompts": PROMPTS, "default_prompt_name": None})
    cases = []
    for text in [*TEXTS, *([PROMPTS["query"] + TEXTS[0]] if mode == "last" else [])]:
        ids = tokenizer.encode(text).ids
        with torch.no_grad():
            states = model.double()(torch.tensor([ids])).last_hidden_state[0].numpy()
        cases.append({"text": text, "ids": ids, "vector": [round(x, 9) for x in pooled(states, mode).tolist()]})
    write(folder, "expected.json", cases)


target = pathlib.Path(sys.argv[1])
for seed, (name, parts) in enumerate(MODELS.items()):
    make(target / name, seed, *parts)
export(target / "bert-mean", str(target / "bert-mean.onnx"))
