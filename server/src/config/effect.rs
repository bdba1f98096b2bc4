//! Settings that a data folder took when it was made and keeps: saying otherwise later has no effect, and is told.

use super::Settings;

impl Settings {
    /// What is said in vain to a folder that has `shards` shards: the setting, who says it, and what to do.
    pub fn without_effect(&self, shards: u16) -> Option<String> {
        const KEY: &str = "engine.shards";
        let asked = self.config.engine.shards;
        // 0 leaves it to the machine, and to an existing folder what it has.
        if asked == 0 || asked == shards {
            return None;
        }
        Some(format!(
            "{KEY} = {asked} ({}) has no effect: the data folder {} was made with {shards} shard{s} and keeps them; a new folder \
             takes {asked} if the first command on it is given TENANTRY_ENGINE_SHARDS={asked}",
            self.origins[KEY],
            self.config.data.display(),
            s = if shards == 1 { "" } else { "s" },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layers;

    #[test]
    fn shards_of_an_existing_folder_are_not_ignored_silently() {
        let with = |shards: &str| {
            let flags = vec![("--shards".into(), "engine.shards".into(), shards.into())];
            Layers { flags, ..Layers::default() }.merge().unwrap().without_effect(2)
        };
        let told = with("7").unwrap();
        for part in ["engine.shards = 7 (flag --shards)", "tenantry-data", "2 shards"] {
            assert!(told.contains(part), "{told}");
        }
        assert_eq!((with("2"), with("0")), (None, None));
    }
}
