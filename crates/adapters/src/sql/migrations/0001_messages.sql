-- Messages, groups and cursors. The words in braces are those in which the databases differ: see `schema.rs`.

-- The life of this store. Its one row is written when this file has been run for the first time.
CREATE TABLE store_life (
    one {integer} NOT NULL PRIMARY KEY CHECK (one = 1),
    epoch {text} NOT NULL
);

-- Every conversation in which something was said, and every group that there is or was.
CREATE TABLE conversations (
    conversation {text} NOT NULL PRIMARY KEY,
    head {integer} NOT NULL,
    -- The time of the latest message; 0 without one.
    last_ms {integer} NOT NULL,
    -- The lowest seq that is shown.
    first_seq {integer} NOT NULL,
    -- The version of a group's members; goes on growing when the group is made again.
    version {integer} NOT NULL,
    -- 0 for a group that was deleted.
    is_open {integer} NOT NULL
) {clustered};

-- In the order in which they came: those that are kept together then fill a few pages, whoever they are from, and only two short entries of indexes go elsewhere.
CREATE TABLE messages (
    conversation {text} NOT NULL REFERENCES conversations (conversation),
    seq {integer} NOT NULL,
    sender {text} NOT NULL,
    client_id {text} NOT NULL,
    -- For one of a list of users, the conversation; else empty.
    listed {text} NOT NULL,
    message_id {text} NOT NULL,
    time_ms {integer} NOT NULL,
    -- The version of the group that it was said under.
    version {integer},
    -- The length of `content`, so that a page can be cut without reading what is left out.
    content_bytes {integer} NOT NULL,
    content {long_text} NOT NULL,
    PRIMARY KEY (conversation, seq)
) {appended};

-- A send is kept once.
CREATE UNIQUE INDEX messages_by_send ON messages (sender, client_id, listed);

-- What a conversation is to a user: of a direct one the two have a place, of a group the members, of everyone's those who have been seen.
-- Unread is head - read_seq - own_above: no message has a row per reader.
CREATE TABLE places (
    user_id {text} NOT NULL,
    conversation {text} NOT NULL REFERENCES conversations (conversation),
    -- The head when it began: what lies above is shown.
    joined {integer} NOT NULL,
    -- The read cursor, never below `joined`, except for everyone.
    read_seq {integer} NOT NULL,
    -- How many messages above the cursor are the user's own.
    own_above {integer} NOT NULL,
    PRIMARY KEY (user_id, conversation)
) {clustered};

CREATE INDEX places_by_conversation ON places (conversation, user_id, joined);

-- The own messages above the cursor that `own_above` counts. Few: a send moves the cursor along unless something unread lies below it.
CREATE TABLE own_messages (
    user_id {text} NOT NULL,
    conversation {text} NOT NULL,
    seq {integer} NOT NULL,
    PRIMARY KEY (user_id, conversation, seq)
) {clustered};
