import { SqliteAdapter, SqliteDialect } from 'kysely';

/**
 * Kysely takes SQLite for a database that cannot change tables inside a transaction, and would leave half a migration behind
 * when the process is killed in it or the disk fails: the store could never be opened again. SQLite can ("SQL As Understood
 * By SQLite", transactions hold every statement).
 */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

export class TransactionalSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}
