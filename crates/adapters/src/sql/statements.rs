//! Every statement, once, in the words of each database.
//!
//! What is asked for many at once is passed in as one text, a JSON array of arrays, and joined with: its rows come back with the index of their question as `key`.
//! Each statement finds its rows by an index; tests ask each database for its plans.

use super::link::Sql;
use Column::{Integer, Text};

/// How a database says what others say differently.
macro_rules! statements {
    (
        // A table `(key, value)` of the elements of the JSON array `$1`.
        each: $each:literal,
        // The end of a statement that reads rows which the same transaction will write, in the order in which all writers lock them.
        lock: $lock:literal $(,)?
    ) => {
        Statements {
            conversations: concat!(
                "SELECT c.conversation, c.head, c.last_ms, c.first_seq, c.version, c.is_open FROM ",
                $each,
                " AS k CROSS JOIN conversations c WHERE c.conversation = k.value->>0 ORDER BY c.conversation",
            ),
            conversations_to_write: concat!(
                "SELECT c.conversation, c.head, c.last_ms, c.first_seq, c.version, c.is_open FROM ",
                $each,
                " AS k CROSS JOIN conversations c WHERE c.conversation = k.value->>0 ORDER BY c.conversation",
                $lock,
            ),
            places: concat!(
                "SELECT p.user_id, p.conversation, p.joined, p.read_seq, p.own_above FROM ",
                $each,
                " AS k CROSS JOIN places p WHERE p.user_id = k.value->>0 AND p.conversation = k.value->>1",
            ),
            members: concat!(
                "SELECT p.conversation, p.user_id, p.joined FROM ",
                $each,
                " AS k CROSS JOIN places p WHERE p.conversation = k.value->>0",
            ),
            // Questions: conversation, lowest seq, highest seq, direction (1 or -1), bytes.
            // The cut is found on lengths alone; only what is shown is read.
            pages: concat!(
                "SELECT r.key, m.seq, m.sender, m.client_id, m.message_id, m.time_ms, m.content FROM (",
                "SELECT k.key AS key, m.conversation AS conversation, m.seq AS seq, m.content_bytes AS bytes, ",
                "CAST(k.value->>4 AS BIGINT) AS bytes_max, ",
                "SUM(m.content_bytes) OVER (PARTITION BY k.key ORDER BY m.seq * CAST(k.value->>3 AS BIGINT)) AS total ",
                "FROM ",
                $each,
                " AS k CROSS JOIN messages m WHERE m.conversation = k.value->>0 ",
                "AND m.seq BETWEEN CAST(k.value->>1 AS BIGINT) AND CAST(k.value->>2 AS BIGINT)",
                ") AS r CROSS JOIN messages m ",
                "WHERE (r.total <= r.bytes_max OR r.total = r.bytes) ",
                "AND m.conversation = r.conversation AND m.seq = r.seq ORDER BY r.key, r.seq",
            ),
            // Questions: conversation, seq.
            messages: concat!(
                "SELECT k.key, m.seq, m.sender, m.client_id, m.message_id, m.time_ms, m.content FROM ",
                $each,
                " AS k CROSS JOIN messages m WHERE m.conversation = k.value->>0 AND m.seq = CAST(k.value->>1 AS BIGINT)",
            ),
            // Questions: conversation, time, highest seq. Halves the seqs that are left until one is, which works because time never runs back in a conversation.
            said_before: concat!(
                "WITH RECURSIVE search (key, conversation, ms, low, high) AS (",
                "SELECT k.key, k.value->>0, CAST(k.value->>1 AS BIGINT), CAST(0 AS BIGINT), CAST(k.value->>2 AS BIGINT) FROM ",
                $each,
                " AS k UNION ALL ",
                "SELECT s.key, s.conversation, s.ms, ",
                "CASE WHEN m.time_ms < s.ms THEN m.seq ELSE s.low END, ",
                "CASE WHEN m.time_ms < s.ms THEN s.high ELSE m.seq - 1 END ",
                "FROM search s CROSS JOIN messages m ",
                "WHERE s.low < s.high AND m.conversation = s.conversation AND m.seq = (s.low + s.high + 1) / 2",
                ") SELECT s.key, s.low, m.time_ms FROM search s ",
                "LEFT JOIN messages m ON m.conversation = s.conversation AND m.seq = s.low WHERE s.low = s.high",
            ),
            // Questions: user. $2: conversations of each, at most.
            unread: concat!(
                "SELECT key, conversation, unread, head FROM (",
                "SELECT k.key AS key, p.conversation AS conversation, c.head - p.read_seq - p.own_above AS unread, c.head AS head, ",
                "ROW_NUMBER() OVER (PARTITION BY k.key ORDER BY c.last_ms DESC, p.conversation) AS line FROM ",
                $each,
                " AS k CROSS JOIN places p CROSS JOIN conversations c ",
                "WHERE p.user_id = k.value->>0 AND c.conversation = p.conversation AND c.head > p.read_seq + p.own_above",
                ") AS r WHERE line <= $2 ORDER BY key, line",
            ),
            // Questions: user. $2: since when.
            recent: concat!(
                "SELECT k.key, c.conversation, c.head FROM ",
                $each,
                " AS k CROSS JOIN places p CROSS JOIN conversations c ",
                "WHERE p.user_id = k.value->>0 AND c.conversation = p.conversation AND c.head > 0 AND c.last_ms >= $2 ",
                "ORDER BY k.key, c.conversation",
            ),
            // $1: user.
            listing: "SELECT p.conversation, c.head, c.last_ms, c.first_seq, p.joined, p.read_seq, p.own_above \
                FROM places p CROSS JOIN conversations c WHERE p.user_id = $1 AND c.conversation = p.conversation",
            // Questions: user, and between which names a conversation is a group's. These stand in the question, so that no database
            // begins with all groups there are.
            groups: concat!(
                "SELECT k.key, p.conversation FROM ",
                $each,
                " AS k CROSS JOIN places p WHERE p.user_id = k.value->>0 ",
                "AND p.conversation > k.value->>1 AND p.conversation < k.value->>2 AND p.conversation <> 'g:everyone' ",
                "ORDER BY k.key, p.conversation",
            ),
            // Questions: sender, id, listed.
            sends: concat!(
                "SELECT k.key, m.seq, m.sender, m.client_id, m.message_id, m.time_ms, m.content, m.conversation, m.version FROM ",
                $each,
                " AS k CROSS JOIN messages m ",
                "WHERE m.sender = k.value->>0 AND m.client_id = k.value->>1 AND m.listed = k.value->>2",
            ),
            add_conversations: Insert {
                table: "conversations",
                columns: CONVERSATION_COLUMNS,
                order: &["conversation"],
                then: " ON CONFLICT (conversation) DO NOTHING",
            },
            put_conversations: Insert {
                table: "conversations",
                columns: CONVERSATION_COLUMNS,
                order: &[],
                then: " ON CONFLICT (conversation) DO UPDATE SET head = excluded.head, last_ms = excluded.last_ms, \
                    first_seq = excluded.first_seq, version = excluded.version, is_open = excluded.is_open",
            },
            // Two writers may keep the same send in different conversations, whose rows do not hold them apart: so all take sends in one order.
            add_messages: Insert {
                table: "messages",
                columns: &[
                    Text("conversation"),
                    Integer("seq"),
                    Text("sender"),
                    Text("client_id"),
                    Text("listed"),
                    Text("message_id"),
                    Integer("time_ms"),
                    Integer("version"),
                    Integer("content_bytes"),
                    Text("content"),
                ],
                order: &["sender", "client_id", "listed"],
                // Fewer rows than were to be inserted say that a send was kept before.
                then: " ON CONFLICT (sender, client_id, listed) DO NOTHING",
            },
            put_places: Insert {
                table: "places",
                columns: PLACE_COLUMNS,
                order: &[],
                then: " ON CONFLICT (user_id, conversation) DO UPDATE SET read_seq = excluded.read_seq, own_above = excluded.own_above",
            },
            // A place that is there already stays as it is.
            add_places: Insert {
                table: "places",
                columns: PLACE_COLUMNS,
                order: &[],
                then: " ON CONFLICT (user_id, conversation) DO NOTHING",
            },
            add_own_messages: Insert {
                table: "own_messages",
                columns: &[Text("user_id"), Text("conversation"), Integer("seq")],
                order: &[],
                then: "",
            },
            // Questions: user, conversation.
            remove_places: concat!(
                "DELETE FROM places WHERE (user_id, conversation) IN (SELECT k.value->>0, k.value->>1 FROM ",
                $each,
                " AS k)",
            ),
            remove_own_messages: concat!(
                "DELETE FROM own_messages WHERE (user_id, conversation) IN (SELECT k.value->>0, k.value->>1 FROM ",
                $each,
                " AS k)",
            ),
            // $1: user, $2: conversation, $3: up to which seq.
            read_own_messages: "DELETE FROM own_messages WHERE user_id = $1 AND conversation = $2 AND seq <= $3",
            // $1: the epoch of a store that has none yet.
            begin_life: "INSERT INTO store_life (one, epoch) VALUES (1, $1) ON CONFLICT (one) DO NOTHING",
            epoch: "SELECT epoch FROM store_life",
            // Changes nothing, but needs the disk.
            probe: "UPDATE store_life SET epoch = epoch",
        }
    };
}

/// The statements in the words of one database.
pub(super) struct Statements {
    pub(super) conversations: &'static str,
    pub(super) conversations_to_write: &'static str,
    pub(super) places: &'static str,
    pub(super) members: &'static str,
    pub(super) pages: &'static str,
    pub(super) messages: &'static str,
    pub(super) said_before: &'static str,
    pub(super) unread: &'static str,
    pub(super) recent: &'static str,
    pub(super) listing: &'static str,
    pub(super) groups: &'static str,
    pub(super) sends: &'static str,
    pub(super) add_conversations: Insert,
    pub(super) put_conversations: Insert,
    pub(super) add_messages: Insert,
    pub(super) put_places: Insert,
    pub(super) add_places: Insert,
    pub(super) add_own_messages: Insert,
    pub(super) remove_places: &'static str,
    pub(super) remove_own_messages: &'static str,
    pub(super) read_own_messages: &'static str,
    pub(super) begin_life: &'static str,
    pub(super) epoch: &'static str,
    pub(super) probe: &'static str,
}

/// A column that an insert fills.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    Text(&'static str),
    Integer(&'static str),
}

impl Column {
    fn name(&self) -> &'static str {
        match self {
            Text(name) | Integer(name) => name,
        }
    }

    /// The type of a list of its values.
    fn list(&self) -> &'static str {
        match self {
            Text(_) => "TEXT[]",
            Integer(_) => "BIGINT[]",
        }
    }
}

const CONVERSATION_COLUMNS: &[Column] = &[
    Text("conversation"),
    Integer("head"),
    Integer("last_ms"),
    Integer("first_seq"),
    Integer("version"),
    Integer("is_open"),
];

const PLACE_COLUMNS: &[Column] =
    &[Text("user_id"), Text("conversation"), Integer("joined"), Integer("read_seq"), Integer("own_above")];

/// A statement that takes any number of rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insert {
    table: &'static str,
    pub(super) columns: &'static [Column],
    /// The columns by which the rows are put in order, where other writers may insert the same ones meanwhile.
    order: &'static [&'static str],
    then: &'static str,
}

impl Insert {
    /// The statement for so many rows, with a place for each value. Its text is another one for each number, so only few numbers are to be asked for.
    pub(super) fn of_values(&self, rows: usize) -> Sql {
        Sql { text: self.values(rows).into(), is_kept: true }
    }

    /// The statement for any number of rows, with a place for the list of each column's values; the first is `$first`.
    pub(super) fn of_lists(&self, first: usize) -> String {
        let lists = self.columns.iter().enumerate();
        let lists: Vec<String> =
            lists.map(|(index, column)| format!("${}::{}", first + index, column.list())).collect();
        let (names, lists) = (self.names(), lists.join(", "));
        let mut text = format!(
            "INSERT INTO {} ({names}) SELECT {names} FROM unnest({lists}) AS r ({names})",
            self.table
        );
        for (index, column) in self.order.iter().enumerate() {
            text.push_str(if index == 0 { " ORDER BY " } else { ", " });
            text.push_str(&format!("r.{column} COLLATE \"C\""));
        }
        text.push_str(self.then);
        text
    }

    fn names(&self) -> String {
        self.columns.iter().map(Column::name).collect::<Vec<_>>().join(", ")
    }

    /// Its places have no numbers: SQLite would look each up among all before it, at its preparation and once more when it is bound.
    fn values(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(", "));
        let rows = vec![row; rows].join(", ");
        let mut text = format!("INSERT INTO {} ({}) VALUES {rows}", self.table, self.names());
        text.push_str(self.then);
        text
    }
}

/// SQLite's words. It has one writer, so nothing needs a lock.
pub(super) const SQLITE: Statements = statements! { each: "json_each($1)", lock: "" };

/// PostgreSQL's words. No key is changed that other rows refer to, so the weaker of the two locks is enough.
pub(super) const POSTGRES: Statements = statements! {
    each: "(SELECT o.ordinality - 1 AS key, o.value FROM jsonb_array_elements($1::JSONB) WITH ORDINALITY AS o)",
    lock: " FOR NO KEY UPDATE OF c",
};

#[cfg(test)]
impl Statements {
    /// Every statement that reads, changes or removes what is found by a key, by name.
    pub(super) fn found_by_key(&self) -> Vec<(&'static str, &'static str)> {
        vec![
            ("conversations", self.conversations),
            ("conversations_to_write", self.conversations_to_write),
            ("places", self.places),
            ("members", self.members),
            ("pages", self.pages),
            ("messages", self.messages),
            ("said_before", self.said_before),
            ("unread", self.unread),
            ("recent", self.recent),
            ("listing", self.listing),
            ("groups", self.groups),
            ("sends", self.sends),
            ("remove_places", self.remove_places),
            ("remove_own_messages", self.remove_own_messages),
            ("read_own_messages", self.read_own_messages),
        ]
    }

    /// Every statement that inserts, by name.
    pub(super) fn inserts(&self) -> Vec<(&'static str, Insert)> {
        vec![
            ("add_conversations", self.add_conversations),
            ("put_conversations", self.put_conversations),
            ("add_messages", self.add_messages),
            ("put_places", self.put_places),
            ("add_places", self.add_places),
            ("add_own_messages", self.add_own_messages),
        ]
    }
}
