import { format } from "../i18n/format.ts";
import type { PageProps } from "../page-props.ts";

export interface DayTokens {
  day: string;
  prompt: number;
  completion: number;
}

const WIDTH = 720;
const HEIGHT = 220;
const LEFT = 60;
const TOP = 20;
const BOTTOM = 40;
const GRID_LINES = 4;

/** Tokens by day as stacked bars. The table beside it says the same in words, so the drawing is one image to a screen reader. */
export function UsagePlot({ page, days }: { page: PageProps; days: DayTokens[] }) {
  const { usage: text } = page.strings;
  const compact = new Intl.NumberFormat(page.locale, { notation: "compact" });
  const top = niceMaximum(Math.max(1, ...days.map(({ prompt, completion }) => prompt + completion)));
  const plotHeight = HEIGHT - TOP - BOTTOM;
  const step = (WIDTH - LEFT) / days.length;
  const y = (tokens: number) => TOP + plotHeight * (1 - tokens / top);
  const ticks = Array.from({ length: GRID_LINES + 1 }, (_, i) => (top / GRID_LINES) * i);
  const labelEvery = Math.ceil(days.length / 6);
  return (
    <svg class="plot" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={text.plot}>
      {ticks.map((tick) => (
        <>
          <line class="plot-grid" x1={LEFT} x2={WIDTH} y1={round(y(tick))} y2={round(y(tick))} />
          <text class="plot-label" x={LEFT - 6} y={round(y(tick)) + 4} text-anchor="end">
            {compact.format(tick)}
          </text>
        </>
      ))}
      {days.map(({ day, prompt, completion }, i) => {
        const bar = { x: round(LEFT + i * step + step * 0.15), width: round(step * 0.7) };
        return (
          <g>
            <title>{format(text.bar, { day, prompt, completion })}</title>
            <rect class="plot-prompt" {...bar} y={round(y(prompt))} height={round((plotHeight * prompt) / top)} />
            <rect
              class="plot-completion"
              {...bar}
              y={round(y(prompt + completion))}
              height={round((plotHeight * completion) / top)}
            />
            {i % labelEvery === 0 ? (
              <text class="plot-label" x={round(LEFT + (i + 0.5) * step)} y={HEIGHT - 6} text-anchor="middle">
                {day.slice(5)}
              </text>
            ) : null}
          </g>
        );
      })}
    </svg>
  );
}

/** The next 1, 2, 4 or 8 times a power of ten: grid lines at round numbers. */
function niceMaximum(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 4, 8, 10].find((candidate) => candidate * power >= value) ?? 10;
  return Math.max(GRID_LINES, factor * power);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
