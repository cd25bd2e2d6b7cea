/** Names of a layer's parts in the files, after the layer's own. */
export interface LayerNames {
  query: string;
  key: string;
  value: string;
  attended: string;
  attentionNorm: string;
  up: string;
  down: string;
  outputNorm: string;
}

/** A family of encoders, told by where its files keep what; all are BERT (Devlin et al., arXiv:1810.04805) with small differences. */
export interface EncoderKind {
  /** What the names of tensors begin with where the encoder is part of a larger model. */
  prefix: string;
  /** Names of a layer, before its number. */
  layers: string;
  names: LayerNames;
  /** Positions count from the padding token's id on, as in fairseq. */
  positionsAfterPadding: boolean;
  hasTokenTypes: boolean;
  /** Scores have a bias by how far apart two tokens are (as T5's; MPNet, arXiv:2004.09297). */
  hasRelativeBias: boolean;
}

const BERT_NAMES: LayerNames = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  attended: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  up: "intermediate.dense",
  down: "output.dense",
  outputNorm: "output.LayerNorm",
};

const bert: EncoderKind = {
  prefix: "bert.",
  layers: "encoder.layer",
  names: BERT_NAMES,
  positionsAfterPadding: false,
  hasTokenTypes: true,
  hasRelativeBias: false,
};

const roberta: EncoderKind = { ...bert, prefix: "roberta.", positionsAfterPadding: true };

/** By `model_type` of config.json. */
export const ENCODERS = {
  bert,
  roberta,
  "xlm-roberta": roberta,
  camembert: roberta,
  mpnet: {
    ...roberta,
    prefix: "mpnet.",
    names: {
      ...BERT_NAMES,
      query: "attention.attn.q",
      key: "attention.attn.k",
      value: "attention.attn.v",
      attended: "attention.attn.o",
      attentionNorm: "attention.LayerNorm",
    },
    hasTokenTypes: false,
    hasRelativeBias: true,
  },
  distilbert: {
    ...bert,
    prefix: "distilbert.",
    layers: "transformer.layer",
    names: {
      query: "attention.q_lin",
      key: "attention.k_lin",
      value: "attention.v_lin",
      attended: "attention.out_lin",
      attentionNorm: "sa_layer_norm",
      up: "ffn.lin1",
      down: "ffn.lin2",
      outputNorm: "output_layer_norm",
    },
    hasTokenTypes: false,
  },
} as const satisfies Record<string, EncoderKind>;

export type EncoderName = keyof typeof ENCODERS;
