/** JSON Schema as tools use it: what models understand, and what the host can check without a pattern that never ends. */
export interface ToolSchema {
  readonly type?: "object" | "array" | "string" | "number" | "integer" | "boolean" | "null";
  readonly title?: string;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: ToolSchema };
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | ToolSchema;
  readonly items?: ToolSchema;
  readonly enum?: readonly (string | number | boolean | null)[];
  readonly anyOf?: readonly ToolSchema[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** The type of what a schema, written as a constant, lets through. */
export type FromSchema<S extends ToolSchema> = S extends { enum: readonly (infer Value)[] }
  ? Value
  : S extends { anyOf: readonly (infer Choice extends ToolSchema)[] }
    ? Choice extends ToolSchema
      ? FromSchema<Choice>
      : never
    : S extends { type: "string" }
      ? string
      : S extends { type: "number" | "integer" }
        ? number
        : S extends { type: "boolean" }
          ? boolean
          : S extends { type: "null" }
            ? null
            : S extends { type: "array"; items: infer Item extends ToolSchema }
              ? FromSchema<Item>[]
              : S extends { type: "object"; properties: infer Members extends { readonly [name: string]: ToolSchema } }
                ? ObjectOf<Members, S extends { required: readonly (infer Name)[] } ? Name : never>
                : unknown;

type ObjectOf<Members extends { readonly [name: string]: ToolSchema }, Required> = {
  [Name in keyof Members as Name extends Required ? Name : never]: FromSchema<Members[Name]>;
} & {
  [Name in keyof Members as Name extends Required ? never : Name]?: FromSchema<Members[Name]> | undefined;
};
