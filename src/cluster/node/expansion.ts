/** `$(VAR)` in env values, command and args. Kubernetes: third_party/forked/golang/expansion. Pure.
 * `$$` is a literal `$`; a reference to nothing stays as it is written. */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '$' || i + 1 === text.length) {
      out += text[i];
      continue;
    }
    const next = text[i + 1];
    const end = next === '(' ? text.indexOf(')', i + 2) : -1;
    if (next === '$') {
      out += '$';
      i++;
    } else if (end > 0) {
      out += lookup(text.slice(i + 2, end)) ?? text.slice(i, end + 1);
      i = end;
    } else {
      out += '$';
    }
  }
  return out;
}
