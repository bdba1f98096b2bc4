//! The configuration in force, as a configuration file: the defaults' text with its explanations, the values in force,
//! and the origin of each behind it.

use std::fmt;

use super::{DEFAULTS, Settings};

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section = String::new();
        for line in DEFAULTS.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = format!("{name}.");
            }
            let name = line.split_once(" = ").filter(|_| !line.starts_with('#')).map(|(name, _)| name);
            match name {
                Some(name) => {
                    let key = format!("{section}{name}");
                    writeln!(f, "{name} = {} # {}", self.values[&key], self.origins[&key])?;
                }
                None => writeln!(f, "{line}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Layers;

    #[test]
    fn what_is_printed_reads_back_as_the_same_configuration() {
        let flags = vec![("--shards".into(), "engine.shards".into(), "3".into())];
        let settings = Layers { flags, ..Layers::default() }.merge().unwrap();
        let text = settings.to_string();
        assert!(text.contains("shards = 3 # flag --shards\n"), "{text}");
        assert!(text.contains("address = \"127.0.0.1:8080\" # default\n"), "{text}");
        let again = Layers { file: Some(("again.toml".into(), text)), ..Layers::default() }.merge().unwrap();
        assert_eq!(again.config, settings.config);
    }
}
