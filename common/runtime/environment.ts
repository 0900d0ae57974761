/** Environment variables by name. The only door to `process.env`: everything else takes what it needs as an argument. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function systemEnvironment(): Environment {
  return process.env;
}
