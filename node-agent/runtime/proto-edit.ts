import { PbfReader, PbfWriter } from "pbf";

/** Wire type of length-delimited fields: strings, bytes and messages. */
const LENGTH_DELIMITED = 2;

/** Copies a protobuf message, with `edit` applied to every length-delimited field `tag`; all other bytes stay as they are. */
export function editFields(message: Uint8Array, tag: number, edit: (field: Uint8Array) => Uint8Array): Uint8Array {
  const reader = new PbfReader(message);
  const parts: Uint8Array[] = [];
  while (reader.pos < message.length) {
    const start = reader.pos;
    const field = reader.nextField();
    if (field === tag && reader.type === LENGTH_DELIMITED) {
      const writer = new PbfWriter();
      writer.writeBytesField(tag, edit(reader.readBytes()));
      parts.push(writer.finish());
    } else {
      reader.skip(reader.type);
      parts.push(message.subarray(start, reader.pos));
    }
  }
  return Buffer.concat(parts);
}

/** Fields `tag` of a message that hold strings. */
export function readStrings(message: Uint8Array, tag: number): string[] {
  return new PbfReader(message).readFields<string[]>((field, found, reader) => {
    if (field === tag) found.push(reader.readString());
  }, []);
}
