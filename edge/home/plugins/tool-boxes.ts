import { joinToolBoxes, type OfferedTool, type ToolBox, type ToolBoxCall, type ToolOutcome } from "./tool-box.ts";

/** The household's boxes of tools as one: each is added once it is there. */
export class ToolBoxes implements ToolBox {
  readonly #boxes: ToolBox[] = [];

  add(box: ToolBox): void {
    this.#boxes.push(box);
  }

  offered(userId: string): OfferedTool[] {
    return joinToolBoxes(this.#boxes).offered(userId);
  }

  async call(call: ToolBoxCall): Promise<ToolOutcome> {
    return await joinToolBoxes(this.#boxes).call(call);
  }
}
