/** A bare NaN or Infinity, as Python's json module writes them; strings are matched first, so that theirs stay. */
const notANumber = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g;

/** As JSON.parse; NaN and Infinity are read as null, they are the fault of their rows only. Throws a SyntaxError. */
export function parseLenient(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    return JSON.parse(text.replaceAll(notANumber, (token) => (token.startsWith('"') ? token : 'null')));
  }
}
