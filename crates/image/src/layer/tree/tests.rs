use super::*;

fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        link: Vec::new(),
        device: (0, 0),
        xattrs: Vec::new(),
        data_len: 0,
        data_offset: 0,
        size: 0,
        sparse: None,
    }
}

fn file(path: &str, offset: u64) -> Entry {
    Entry { data_offset: offset, size: 1, data_len: 1, ..entry(path, Kind::File) }
}

fn link(path: &str, kind: Kind, target: &str) -> Entry {
    Entry { link: target.as_bytes().to_vec(), ..entry(path, kind) }
}

fn build(entries: Vec<Entry>) -> Result<Tree, LayerError> {
    let mut tree = Tree::new(Limits::default());
    entries.into_iter().try_for_each(|entry| tree.insert(entry).map(drop))?;
    Ok(tree)
}

/// A line per path: `d` (or `o` if opaque), `f<offset>`, `l<target>`, `w`, …
fn listing(tree: &Tree) -> Vec<String> {
    fn walk(tree: &Tree, id: InodeId, path: &str, out: &mut Vec<String>) {
        let what = match &tree.inode(id).node {
            Node::Directory { opaque: false, .. } => "d".to_owned(),
            Node::Directory { opaque: true, .. } => "o".to_owned(),
            Node::File(content) => format!("f{}", content.offset),
            Node::Symlink(target) => format!("l{}", String::from_utf8_lossy(target)),
            Node::Whiteout => "w".to_owned(),
            Node::CharDevice(..) | Node::BlockDevice(..) => "dev".to_owned(),
            Node::Fifo => "fifo".to_owned(),
        };
        out.push(format!("{path} {what}"));
        if let Node::Directory { children, .. } = &tree.inode(id).node {
            for (name, child) in children {
                walk(tree, *child, &format!("{path}/{}", String::from_utf8_lossy(name)), out);
            }
        }
    }
    let mut out = Vec::new();
    walk(tree, Tree::ROOT, "", &mut out);
    out.remove(0);
    out
}

fn built(entries: Vec<Entry>) -> Vec<String> {
    listing(&build(entries).unwrap())
}

#[test]
fn last_entry_wins() {
    let dir = |path| entry(path, Kind::Directory);
    assert_eq!(built(vec![file("a", 1), file("a", 2)]), ["/a f2"]);
    assert_eq!(built(vec![file("a", 1), dir("a"), file("a/b", 2)]), ["/a d", "/a/b f2"]);
    assert_eq!(built(vec![dir("a"), file("a/b", 1), file("a", 2)]), ["/a f2"]);
    assert_eq!(built(vec![file("a/b", 1), dir("a")]), ["/a d", "/a/b f1"], "a folder again keeps its children");
    assert_eq!(built(vec![file("a", 1), link("b", Kind::HardLink, "a"), file("a", 2)]), ["/a f2", "/b f1"]);
}

#[test]
fn parents_are_made_and_links_in_them_stay_inside() {
    assert_eq!(built(vec![file("/a/b/c", 1)]), ["/a d", "/a/b d", "/a/b/c f1"]);
    let through = |target: &str| vec![entry("x", Kind::Directory), link("l", Kind::Symlink, target), file("l/f", 1)];
    for target in ["x", "/x", "../../x", "./x/../x", "/../x"] {
        assert_eq!(
            built(through(target)),
            [format!("/l l{target}"), "/x d".to_owned(), "/x/f f1".to_owned()],
            "{target}"
        );
    }
    assert!(build(through("/etc")).is_err(), "the target is not in the layer");
    assert!(build(vec![link("l", Kind::Symlink, "l"), file("l/f", 1)]).is_err(), "a loop");
    assert!(build(vec![file("a", 1), file("a/b", 2)]).is_err(), "a file is no folder");
}

#[test]
fn whiteouts_are_about_the_layers_below() {
    let dir = |path| entry(path, Kind::Directory);
    assert_eq!(built(vec![file("d/.wh.x", 0)]), ["/d d", "/d/x w"]);
    assert_eq!(built(vec![file(".wh..wh..opq", 0)]), [""; 0]);
    assert!(build(vec![file(".wh..wh..opq", 0)]).unwrap().root_is_opaque());
    assert_eq!(built(vec![file("d/.wh..wh..opq", 0), file("d/a", 1)]), ["/d o", "/d/a f1"]);
    assert_eq!(built(vec![file("d/a", 1), file("d/.wh..wh..opq", 0)]), ["/d o", "/d/a f1"]);
    // Both there and hidden, in either order.
    assert_eq!(built(vec![file("a", 1), file(".wh.a", 0)]), ["/a f1"]);
    assert_eq!(built(vec![file(".wh.a", 0), file("a", 1)]), ["/a f1"]);
    assert_eq!(built(vec![dir("a"), file(".wh.a", 0)]), ["/a o"]);
    assert_eq!(built(vec![file(".wh.a", 0), dir("a")]), ["/a o"]);
    assert_eq!(built(vec![file(".wh.a", 0), file("a/b", 1)]), ["/a o", "/a/b f1"]);
    let device = Entry { device: (0, 0), ..entry("x", Kind::CharDevice) };
    assert_eq!(built(vec![device]), ["/x w"], "overlayfs' own form");
}

#[test]
fn hard_links() {
    let hard = |path, target| link(path, Kind::HardLink, target);
    let tree = build(vec![file("d/a", 1), hard("b", "d/a"), hard("c", "/d/../b")]).unwrap();
    assert_eq!(listing(&tree), ["/b f1", "/c f1", "/d d", "/d/a f1"]);
    for entries in [
        vec![hard("a", "nothing")],
        vec![entry("d", Kind::Directory), hard("a", "d")],
        vec![hard("a", "..")],
        vec![hard("a", "../../etc/passwd")],
        vec![hard("a", "/")],
        vec![file(".wh.x", 0), hard("a", "x")],
        vec![hard("a", "a")],
    ] {
        assert!(build(entries).is_err());
    }
}

#[test]
fn strange_entries() {
    assert!(build(vec![file(".", 1)]).is_err(), "the root is no file");
    assert!(build(vec![link("a", Kind::Symlink, "")]).is_err());
    let far = Entry { device: (1 << 12, 0), ..entry("x", Kind::BlockDevice) };
    assert!(build(vec![far]).is_err());
    let root = Entry { mode: 0o700, uid: 7, ..entry("./", Kind::Directory) };
    let tree = build(vec![root]).unwrap();
    assert_eq!((tree.inode(Tree::ROOT).mode, tree.inode(Tree::ROOT).uid), (0o700, 7));
}

#[test]
fn attributes_of_overlayfs_are_taken_away() {
    let mut dir = entry("d", Kind::Directory);
    for name in ["trusted.overlay.redirect", "user.overlay.opaque", "trusted.other", "user.x"] {
        dir.xattrs.push((name.as_bytes().to_vec(), b"y".to_vec()));
    }
    let tree = build(vec![dir]).unwrap();
    let names: Vec<_> =
        tree.inode(1).xattrs.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
    assert_eq!(names, ["trusted.other", "user.x"]);
}

#[test]
fn size_is_that_of_all_files() {
    let big = Entry { size: 1000, ..file("a", 1) };
    assert_eq!(build(vec![big.clone(), big, file(".wh.x", 0)]).unwrap().content_size(), 2000);
}
