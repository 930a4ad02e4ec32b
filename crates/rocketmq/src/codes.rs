//! The request and response codes of the remoting protocol that this crate speaks.

pub(crate) mod request {
    pub(crate) const PULL: i32 = 11;
    pub(crate) const CREATE_TOPIC: i32 = 17;
    pub(crate) const MAX_OFFSET: i32 = 30;
    pub(crate) const MIN_OFFSET: i32 = 31;
    pub(crate) const HEARTBEAT: i32 = 34;
    pub(crate) const UNREGISTER: i32 = 35;
    pub(crate) const ROUTE: i32 = 105;
    pub(crate) const CLUSTER: i32 = 106;
    pub(crate) const CREATE_GROUP: i32 = 200;
    pub(crate) const SEND: i32 = 310;
    pub(crate) const SEND_BATCH: i32 = 320;
}

pub(crate) mod response {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const REQUEST_CODE_NOT_SUPPORTED: i32 = 3;
    pub(crate) const FLUSH_DISK_TIMEOUT: i32 = 10;
    pub(crate) const REPLICA_NOT_AVAILABLE: i32 = 11;
    pub(crate) const FLUSH_REPLICA_TIMEOUT: i32 = 12;
    pub(crate) const MESSAGE_ILLEGAL: i32 = 13;
    pub(crate) const NO_PERMISSION: i32 = 16;
    pub(crate) const TOPIC_NOT_EXIST: i32 = 17;
    pub(crate) const PULL_NOT_FOUND: i32 = 19;
    pub(crate) const PULL_RETRY_IMMEDIATELY: i32 = 20;
    pub(crate) const PULL_OFFSET_MOVED: i32 = 21;
    pub(crate) const SUBSCRIPTION_PARSE_FAILED: i32 = 23;
    pub(crate) const GROUP_NOT_EXIST: i32 = 26;
    pub(crate) const INVALID_PARAMETER: i32 = 29;
}
