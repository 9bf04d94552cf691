//! Nothing: its tests read logs of hushtag with crates that others have written.
