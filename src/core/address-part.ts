/** A part of an address as it is meant: a percent sign that begins no escape stands for itself. */
export function decodedPart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
