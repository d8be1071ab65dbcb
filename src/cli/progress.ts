/** Steps with the time each took. On a terminal a running step is redrawn in place; elsewhere each step is one line. */
export interface Progress {
  step<T>(title: string, run: (note: (text: string) => void) => Promise<T>): Promise<T>;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

export function createProgress(out: NodeJS.WriteStream = process.stdout): Progress {
  return {
    async step(title, run) {
      const started = performance.now();
      let detail = '';
      let frame = 0;
      const draw = () => out.write(`\r\x1b[2K${FRAMES[frame++ % FRAMES.length]} ${title}${detail === '' ? '' : ` · ${detail}`}`);
      const timer = out.isTTY ? setInterval(draw, 80) : undefined;
      const finish = (mark: string) => {
        clearInterval(timer);
        const seconds = ((performance.now() - started) / 1000).toFixed(2).padStart(6);
        out.write(`${out.isTTY ? '\r\x1b[2K' : ''}${mark} ${title.padEnd(46)} ${seconds} s\n`);
      };
      try {
        const result = await run((text) => (detail = text));
        finish('✔');
        return result;
      } catch (error) {
        finish('✘');
        throw error;
      }
    },
  };
}
