//! A list whose places are used again, so that a place's number can name it in an epoll event.

/// Items by number.
#[derive(Debug)]
pub(super) struct Slab<T> {
    items: Vec<Option<T>>,
    free: Vec<u32>,
    /// Places that events which have been fetched may still name.
    left: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { items: Vec::new(), free: Vec::new(), left: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, item: T) -> u32 {
        if let Some(key) = self.free.pop() {
            self.items[key as usize] = Some(item);
            return key;
        }
        self.items.push(Some(item));
        // Every item has a descriptor, of which there are fewer than 2^31.
        u32::try_from(self.items.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, key: u32) -> Option<&T> {
        self.items.get(key as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        self.items.get_mut(key as usize)?.as_mut()
    }

    pub(super) fn remove(&mut self, key: u32) -> Option<T> {
        let item = self.items.get_mut(key as usize)?.take();
        if item.is_some() {
            self.left.push(key);
        }
        item
    }

    /// Gives away again the places of what has been removed. To be called when no event fetched before is left to serve: a
    /// new item in such a place would be served for the old one, a new process as one that has ended.
    pub(super) fn recycle(&mut self) {
        self.free.append(&mut self.left);
    }

    /// Numbers in use.
    pub(super) fn keys(&self) -> Vec<u32> {
        (0..).zip(&self.items).filter(|(_, item)| item.is_some()).map(|(key, _)| key).collect()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().flatten()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn places_are_used_again_once_nobody_means_the_old_item() {
        let mut slab = Slab::default();
        let keys: Vec<u32> = (0..3).map(|n| slab.insert(n)).collect();
        assert_eq!(slab.remove(keys[1]), Some(1));
        assert_eq!(slab.remove(keys[1]), None);
        assert_eq!(slab.insert(3), 3);
        slab.recycle();
        assert_eq!(slab.insert(7), keys[1]);
        assert_eq!(slab.iter().copied().collect::<Vec<_>>(), [0, 7, 2, 3]);
        assert_eq!(slab.keys(), [0, 1, 2, 3]);
        *slab.get_mut(0).unwrap() = 5;
        assert_eq!((slab.get(0), slab.get(9)), (Some(&5), None));
    }
}
