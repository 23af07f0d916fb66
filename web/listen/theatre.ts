// The theatre seen from above, as it stands at Epidaurus: two tiers of rows around the orchestra, cut into wedges by stairs.
// What is heard travels through the rows from the orchestra outwards; lit marks are seats that are taken, and one of the last row is yours.

const LOWER = { rows: 13, wedges: 12 }, UPPER = { rows: 8, wedges: 22 };
/** The rows embrace the orchestra by a little more than half a circle. */
const SPAN = (212 / 180) * Math.PI;
/** Frames that sound takes from one row to the next; slower than in air, to be seen. */
const FRAMES_PER_ROW = 1.6;
/** The passage between the tiers, in rows. */
const PASSAGE = 1.6;
const STAIR = 7; // px
const SEAT = 4.2, ROOM = 2.6; // px: a seat's mark, and the space to the next
/** Marks that are lit at most; seats beyond FEW are lit by their logarithm. */
const MANY = 420, FEW = 60;

/** What the theatre shows at one moment. */
export type Scene = {
  /** The frame at the ear. */
  frame: number;
  /** How loud a frame is, from 0 to 1. */
  loudness: (frame: number) => number;
  seats: number;
  /** The listener has a seat. */
  seated: boolean;
  /** No waves: rows are as bright as the voice, all at once. */
  still: boolean;
};

type Row = { radius: number; path: Path2D; wedges: { from: number; to: number }[] };

export class Theatre {
  #rows: Row[] = [];
  #marks: Path2D[] = []; // seats that may be lit, in the order in which they are
  #mine = { x: 0, y: 0 };
  #width = 0;
  #height = 0;
  readonly #draw: CanvasRenderingContext2D;

  /** The button is the orchestra: the rows lie around it, up to the canvas' upper edge. */
  constructor(private readonly canvas: HTMLCanvasElement, private readonly orchestra: HTMLElement, resized: () => void) {
    this.#draw = canvas.getContext("2d")!;
    new ResizeObserver(() => {
      this.#build();
      resized();
    }).observe(canvas);
  }

  #build(): void {
    const { canvas } = this;
    const scale = Math.min(devicePixelRatio, 2);
    this.#width = canvas.clientWidth;
    this.#height = canvas.clientHeight;
    canvas.width = this.#width * scale;
    canvas.height = this.#height * scale;
    this.#draw.setTransform(scale, 0, 0, scale, 0, 0);
    this.#rows = [];
    this.#marks = [];
    const radius = this.orchestra.offsetHeight / 2;
    const x = this.#width / 2, y = this.orchestra.offsetTop + radius;
    const inner = radius * 1.22;
    const pitch = (y - inner) / (LOWER.rows + UPPER.rows + PASSAGE);
    for (const [tier, first] of [[LOWER, 0], [UPPER, LOWER.rows + PASSAGE]] as const) {
      for (let i = 0; i < tier.rows; i++) this.#row(x, y, inner + (first + i + 0.5) * pitch, tier.wedges);
    }
    // Golden steps spread the lit marks over the rows without a pattern that the eye finds.
    for (let i = 1; this.#rows.length && i <= MANY; i++) this.#marks.push(this.#mark(x, y, (i * 0.754877666) % 1, (i * 0.569840291) % 1).path);
    this.#mine = this.#mark(x, y, 0.999, 0.415);
  }

  #row(x: number, y: number, radius: number, count: number): void {
    const path = new Path2D();
    const wedges = [];
    const stair = STAIR / radius;
    for (let k = 0; k < count; k++) {
      const from = -Math.PI / 2 - SPAN / 2 + (k * SPAN) / count + stair / 2;
      const to = from + SPAN / count - stair;
      path.moveTo(x + radius * Math.cos(from), y + radius * Math.sin(from));
      path.arc(x, y, radius, from, to);
      wedges.push({ from, to });
    }
    this.#rows.push({ radius, path, wedges });
  }

  /** The seat at a share of all rows and at a share of that row. */
  #mark(x: number, y: number, deep: number, along: number): { path: Path2D; x: number; y: number } {
    const row = this.#rows[Math.floor(Math.sqrt(deep) * this.#rows.length)]!;
    const k = Math.floor(along * row.wedges.length);
    const { from, to } = row.wedges[k]!;
    const step = (SEAT + ROOM) / row.radius;
    const seats = Math.max(1, Math.floor((to - from + ROOM / row.radius) / step));
    const angle = from + Math.floor((along * row.wedges.length - k) * seats) * step;
    const path = new Path2D();
    path.arc(x, y, row.radius, angle, angle + SEAT / row.radius);
    const middle = angle + SEAT / row.radius / 2;
    return { path, x: x + row.radius * Math.cos(middle), y: y + row.radius * Math.sin(middle) };
  }

  draw(scene: Scene): void {
    const g = this.#draw;
    const style = getComputedStyle(this.canvas);
    const stone = style.color, light = style.getPropertyValue("--light");
    g.clearRect(0, 0, this.#width, this.#height);
    g.lineWidth = 2.4;
    g.setLineDash([SEAT, ROOM]);
    this.#rows.forEach((row, i) => {
      const level = scene.loudness(scene.still ? scene.frame : scene.frame - i * FRAMES_PER_ROW);
      const far = i / this.#rows.length;
      g.strokeStyle = stone;
      g.globalAlpha = 0.34 - 0.16 * far;
      g.stroke(row.path);
      if (level < 0.02) return;
      g.strokeStyle = light;
      g.globalAlpha = level * (0.95 - 0.5 * far);
      g.stroke(row.path);
    });
    g.setLineDash([]);
    g.strokeStyle = stone;
    g.globalAlpha = 0.85;
    const others = scene.seats - (scene.seated ? 1 : 0);
    const lit = others <= FEW ? others : FEW * (1 + Math.log2(others / FEW) / 2);
    for (const mark of this.#marks.slice(0, Math.max(0, lit))) g.stroke(mark);
    if (scene.seated) this.#seat(g, light);
    g.globalAlpha = 1;
  }

  #seat(g: CanvasRenderingContext2D, light: string): void {
    g.fillStyle = g.strokeStyle = light;
    g.globalAlpha = 1;
    g.beginPath();
    g.arc(this.#mine.x, this.#mine.y, 3.2, 0, 7);
    g.fill();
    g.globalAlpha = 0.45;
    g.lineWidth = 1.2;
    g.beginPath();
    g.arc(this.#mine.x, this.#mine.y, 7.5, 0, 7);
    g.stroke();
  }
}
