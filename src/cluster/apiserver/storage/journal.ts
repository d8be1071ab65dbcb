/** The durable side of the store: one row per object in a SQLite file. All writes of one turn of the event loop go into one
 * transaction, because the cost of a commit is its fsync and not its rows. */
import { DatabaseSync } from 'node:sqlite';
import { MeshError } from '../../../base/errors.ts';

export interface JournalRow {
  key: string;
  /** Absent when the object is gone. */
  json?: string;
}

export interface Journal {
  load(): { revision: number; rows: Iterable<{ key: string; json: string }> };
  /** Durable when it returns. @throws StorageError */
  write(rows: readonly JournalRow[], revision: number): void;
  close(): void;
}

export class StorageError extends MeshError<'CLUSTER_STORAGE'> {
  constructor(message: string, options: { cause: unknown }) {
    super('CLUSTER_STORAGE', message, options);
  }
}

/** Nothing is kept: for tests, and for clusters that are meant to vanish. */
export const memoryJournal: Journal = {
  load: () => ({ revision: 0, rows: [] }),
  write() {},
  close() {},
};

export function openJournal(path: string): Journal {
  if (path === ':memory:') return memoryJournal;
  const database = open(path);
  const put = database.prepare('INSERT INTO objects (key, json) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET json = excluded.json');
  const remove = database.prepare('DELETE FROM objects WHERE key = ?');
  const mark = database.prepare("INSERT INTO meta (name, value) VALUES ('revision', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  let isOpen = true;
  return {
    load() {
      const row = database.prepare("SELECT value FROM meta WHERE name = 'revision'").get();
      const rows = database.prepare('SELECT key, json FROM objects').all() as { key: string; json: string }[];
      return { revision: Number(row?.['value'] ?? 0), rows };
    },
    write(rows, revision) {
      try {
        database.exec('BEGIN');
        for (const { key, json } of rows) {
          if (json === undefined) remove.run(key);
          else put.run(key, json);
        }
        mark.run(revision);
        database.exec('COMMIT');
      } catch (cause) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw new StorageError(`cannot write to ${path}; is the disk full?`, { cause });
      }
    },
    close() {
      if (isOpen) database.close();
      isOpen = false;
    },
  };
}

function open(path: string): DatabaseSync {
  try {
    const database = new DatabaseSync(path);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID; CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)');
    return database;
  } catch (cause) {
    throw new StorageError(`cannot open the cluster's data file ${path}`, { cause });
  }
}
