/** One view of the page, for as long as it is looked at. */
export interface View {
  readonly title: string;
  readonly node: HTMLElement;
  /** Something has become of the upload of a job. */
  uploaded(id: string): void;
  close(): void;
}
