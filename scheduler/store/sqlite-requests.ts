/** The tables hold text and integers below 2^53, nothing else. */
export type SqliteValue = string | number | null;

interface InTransaction {
  readonly sql: string;
  /** Statements that come first; when one fails, none after it is run. */
  readonly before: readonly string[];
  /**
   * Refused outside a transaction. SQLite ends one by itself when the disk fails ("SQL As Understood By SQLite", ROLLBACK), and
   * what was sent for it after that must not be written on its own.
   */
  readonly isInTransaction: boolean;
  /**
   * Whether the writer waits for the reply. What fails while nobody waits fails everything after it in its transaction, the
   * commit too.
   */
  readonly isWaitedFor: boolean;
}

/** What is asked of the one connection to a SQLite file. */
export type SqliteRequest =
  | (InTransaction & { readonly kind: 'query'; readonly parameters: readonly SqliteValue[] })
  /** One statement for many rows. */
  | (InTransaction & {
      readonly kind: 'rows';
      readonly rows: readonly (readonly SqliteValue[])[];
      readonly joint: JointStatement | undefined;
    });

/** The same statement for so many rows at a time, whose values come one after the other. */
export interface JointStatement {
  readonly sql: string;
  readonly rows: number;
}

export type SqliteReply =
  /** Values in the order of the columns: names that are sent with every row cost more than the row. */
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly SqliteValue[])[] }
  | { readonly kind: 'done'; readonly changes: number; readonly insertId: number }
  /** Which rows the statement changed nothing for, by their index. */
  | { readonly kind: 'all'; readonly unchanged: readonly number[] }
  | { readonly kind: 'failed'; readonly message: string };

/** Asks the thread to close the file and end. */
export const CLOSE = 'close';

/** Whether it is what the other thread of this process sends: a form that nobody else can send is not checked further. */
export function isRequest(value: unknown): value is SqliteRequest {
  return hasKind(value);
}

/** As `isRequest`. */
export function isReply(value: unknown): value is SqliteReply {
  return hasKind(value);
}

function hasKind(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value;
}
