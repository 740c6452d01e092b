//! The shared memory of a call of `travel.load_files` and one of its workers: the state that the worker takes over, and
//! two queues of messages.

use super::message::{Job, Told};
use pgrx::pg_sys;
use std::ffi::c_void;

/// Marks the memory as ours ("travel" and a version).
const MAGIC: u64 = u64::from_be_bytes(*b"travel\0\x01");

/// The size of a queue. Two jobs fit into it, so the session never waits to hand one over.
const QUEUE: usize = 64 << 10;

/// The longest path that is handed to a worker. The session loads the file itself if its path is longer.
pub const LONGEST_PATH: usize = QUEUE / 4;

/// The parts of the memory, by their keys in PostgreSQL's table of contents.
#[derive(Clone, Copy)]
enum Part {
    Start = 1,
    Root,
    Libraries,
    Settings,
    Jobs,
    Told,
}

const PARTS: usize = 6;

/// The state that a worker needs to act as the session that started it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Start {
    pub database: pg_sys::Oid,
    /// The role that the session authenticated as.
    pub session_role: pg_sys::Oid,
    /// The role whose privileges are checked, after SET ROLE.
    pub role: pg_sys::Oid,
    pub role_is_superuser: bool,
    pub target: pg_sys::Oid,
    /// The length of the root path.
    root: usize,
}

/// The memory, as one of its two processes has it.
pub struct Segment {
    memory: *mut pg_sys::dsm_segment,
    contents: *mut pg_sys::shm_toc,
}

/// The error of a queue whose other process has ended.
#[derive(Debug)]
pub struct Detached;

/// An end of a queue.
pub struct Queue {
    end: *mut pg_sys::shm_mq_handle,
}

impl Segment {
    /// Makes the memory for one worker. It contains the settings and the libraries of this session.
    pub fn create(target: pg_sys::Oid, root: &str) -> Self {
        // SAFETY: sizes are estimated in the way of PostgreSQL's parallel queries, and each part is written within its
        // size. The memory stays mapped until it is detached.
        unsafe {
            let (libraries, settings) =
                (pg_sys::EstimateLibraryStateSpace(), pg_sys::EstimateGUCStateSpace());
            let sizes = [size_of::<Start>(), root.len(), libraries, settings, QUEUE, QUEUE];
            let mut estimate = pg_sys::shm_toc_estimator { space_for_chunks: 0, number_of_keys: PARTS };
            estimate.space_for_chunks = sizes.iter().map(|size| aligned(*size)).sum();
            let size = pg_sys::shm_toc_estimate(&mut estimate);
            let memory = pg_sys::dsm_create(size, 0);
            pg_sys::dsm_pin_mapping(memory);
            let contents = pg_sys::shm_toc_create(MAGIC, pg_sys::dsm_segment_address(memory), size);
            let add = |part: Part, size: usize| {
                let start = pg_sys::shm_toc_allocate(contents, size);
                pg_sys::shm_toc_insert(contents, part as u64, start);
                start
            };
            let (mut role, mut context) = (pg_sys::InvalidOid, 0);
            pg_sys::GetUserIdAndSecContext(&mut role, &mut context);
            add(Part::Start, size_of::<Start>()).cast::<Start>().write(Start {
                database: pg_sys::MyDatabaseId,
                session_role: pg_sys::GetSessionUserId(),
                role,
                role_is_superuser: pg_sys::superuser_arg(role),
                target,
                root: root.len(),
            });
            let text = add(Part::Root, root.len()).cast::<u8>();
            std::ptr::copy_nonoverlapping(root.as_ptr(), text, root.len());
            pg_sys::SerializeLibraryState(libraries, add(Part::Libraries, libraries).cast());
            pg_sys::SerializeGUCState(settings, add(Part::Settings, settings).cast());
            for part in [Part::Jobs, Part::Told] {
                pg_sys::shm_mq_create(add(part, QUEUE), QUEUE);
            }
            Self { memory, contents }
        }
    }

    /// Attaches to the memory that another process made. `None` if it is gone.
    pub fn attach(handle: u32) -> Option<Self> {
        // SAFETY: plain calls; outside a transaction the memory stays mapped until this process ends.
        unsafe {
            let memory = pg_sys::dsm_attach(handle);
            if memory.is_null() {
                return None;
            }
            let contents = pg_sys::shm_toc_attach(MAGIC, pg_sys::dsm_segment_address(memory));
            (!contents.is_null()).then_some(Self { memory, contents })
        }
    }

    /// The handle by which another process attaches.
    pub fn handle(&self) -> u32 {
        // SAFETY: its own memory.
        unsafe { pg_sys::dsm_segment_handle(self.memory) }
    }

    pub fn memory(&self) -> *mut pg_sys::dsm_segment {
        self.memory
    }

    pub fn start(&self) -> Start {
        // SAFETY: `create` wrote it.
        unsafe { self.part(Part::Start).cast::<Start>().read() }
    }

    /// The folder whose files are loaded.
    pub fn root(&self) -> String {
        // SAFETY: `create` wrote a text of this length.
        let bytes =
            unsafe { std::slice::from_raw_parts(self.part(Part::Root).cast::<u8>(), self.start().root) };
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Loads the libraries that the session has loaded, and takes over its settings. It needs a transaction.
    pub fn restore_session(&self) {
        // SAFETY: `create` wrote both with the counterparts of these functions. PostgreSQL checks some settings
        // differently while a parallel worker starts, which also concerns a copy of a session.
        unsafe {
            pg_sys::RestoreLibraryState(self.part(Part::Libraries).cast());
            pg_sys::InitializingParallelWorker = true;
            pg_sys::RestoreGUCState(self.part(Part::Settings));
            pg_sys::InitializingParallelWorker = false;
        }
    }

    /// The session's ends of the queues: that of the jobs, and that of the worker's messages.
    pub fn session_queues(&self, worker: *mut pg_sys::BackgroundWorkerHandle) -> (Queue, Queue) {
        // SAFETY: `create` made the queues. The handles are made in memory that lives as long as the call.
        unsafe {
            let (jobs, told) = (self.part(Part::Jobs).cast(), self.part(Part::Told).cast());
            pg_sys::shm_mq_set_sender(jobs, pg_sys::MyProc);
            pg_sys::shm_mq_set_receiver(told, pg_sys::MyProc);
            let end = |queue| Queue { end: pg_sys::shm_mq_attach(queue, self.memory, worker) };
            (end(jobs), end(told))
        }
    }

    /// The worker's ends of the same queues.
    pub fn worker_queues(&self) -> (Queue, Queue) {
        // SAFETY: as above; the handles live as long as the process.
        unsafe {
            let (jobs, told) = (self.part(Part::Jobs).cast(), self.part(Part::Told).cast());
            pg_sys::shm_mq_set_receiver(jobs, pg_sys::MyProc);
            pg_sys::shm_mq_set_sender(told, pg_sys::MyProc);
            let end = |queue| Queue { end: pg_sys::shm_mq_attach(queue, self.memory, std::ptr::null_mut()) };
            (end(jobs), end(told))
        }
    }

    /// Detaches from the memory. The other process notices it when it receives or sends.
    pub fn detach(self) {
        // SAFETY: its own memory, detached once.
        unsafe { pg_sys::dsm_detach(self.memory) };
    }

    fn part(&self, part: Part) -> *mut c_void {
        // SAFETY: `create` made all parts.
        unsafe { pg_sys::shm_toc_lookup(self.contents, part as u64, false) }
    }
}

impl Queue {
    pub fn end(&self) -> *mut pg_sys::shm_mq_handle {
        self.end
    }

    /// Receives a message, or returns `None` if there is none yet. It waits for one if `wait` says so. The bytes are
    /// those of the queue until the next call.
    pub fn receive(&mut self, wait: bool) -> Result<Option<&[u8]>, Detached> {
        let (mut length, mut start) = (0, std::ptr::null_mut());
        // SAFETY: its own end of a queue; the message stays where it is until the next call.
        unsafe {
            match pg_sys::shm_mq_receive(self.end, &mut length, &mut start, !wait) {
                pg_sys::shm_mq_result::SHM_MQ_SUCCESS => {
                    Ok(Some(std::slice::from_raw_parts(start.cast::<u8>(), length)))
                }
                pg_sys::shm_mq_result::SHM_MQ_WOULD_BLOCK => Ok(None),
                _ => Err(Detached),
            }
        }
    }

    pub fn send_job(&mut self, job: &Job) -> Result<(), Detached> {
        self.send(&job.to_bytes())
    }

    pub fn tell(&mut self, told: &Told) -> Result<(), Detached> {
        self.send(&told.to_bytes())
    }

    /// Sends a message, and waits until it is in the queue.
    fn send(&mut self, message: &[u8]) -> Result<(), Detached> {
        // SAFETY: its own end of a queue, which copies the bytes.
        let sent =
            unsafe { pg_sys::shm_mq_send(self.end, message.len(), message.as_ptr().cast(), false, true) };
        if sent == pg_sys::shm_mq_result::SHM_MQ_SUCCESS { Ok(()) } else { Err(Detached) }
    }
}

/// A size rounded up as PostgreSQL does for each part.
const fn aligned(size: usize) -> usize {
    size.next_multiple_of(pg_sys::ALIGNOF_BUFFER as usize)
}
