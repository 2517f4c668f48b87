/** Keeps what may hold secrets unreadable at rest. The text that `seal` gives names what it was sealed with, as `open` must know. */
export interface Seal {
  seal(text: string): string;
  /** Throws CONFIG_INVALID when it cannot be opened here, saying what is missing. */
  open(sealed: string): string;
}

/** As it is: the store is then to be read by nobody else. */
export const noSeal: Seal = { seal: (text) => text, open: (sealed) => sealed };
