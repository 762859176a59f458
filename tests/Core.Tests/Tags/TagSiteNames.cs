namespace PageTableEmu.Core.Tests.Tags;

/// <summary>The names of <see cref="TagSites{TArch, TFormat, TModel}"/>, with the function of Linux that each is about.</summary>
internal static class TagSiteNames
{
    /// <summary>Places where pages are moved, by address or by frame, after they came back from swap.</summary>
    internal static readonly HashSet<string> Moves =
        ["migrate", "migrateFails", "migrateUndo", "migrateFork", "migrateZap", "migrateMove", "uffdMove", "memoryError"];

    /// <summary>Places where folios are larger than a page.</summary>
    internal static readonly HashSet<string> Large = ["large", "migrateLarge", "migrateHuge", "splitLarge", "splitHuge", "collapse"];

    /// <summary>Places that begin with pages in memory.</summary>
    internal static readonly HashSet<string> InMemory =
        ["forkPresent", "copyElsewhere", "pageout", "large", "migrateLarge", "migrateHuge", "splitLarge", "splitHuge"];

    /// <summary>All of them.</summary>
    internal static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        ["swap"] = "try_to_unmap_one, do_swap_page",
        ["twice"] = "try_to_unmap_one of a page that was swapped out before",
        ["pageout"] = "try_to_unmap_one by MADV_PAGEOUT",
        ["pinned"] = "try_to_unmap_one, where the share fails after the save",
        ["readahead"] = "folios that are in the swap cache and were never mapped",
        ["readError"] = "do_swap_page of a page that cannot be read",
        ["swapoff"] = "unuse_pte",
        ["swapoffError"] = "unuse_pte of a page that cannot be read",
        ["shared"] = "shmem_writeout, shmem_swapin_folio",
        ["zap"] = "zap_pte_range of swap entries",
        ["lazyfree"] = "madvise_free_pte_range of swap entries",
        ["exit"] = "exit_mmap",
        ["fork"] = "copy_nonpresent_pte of swap entries",
        ["forkPresent"] = "copy_present_ptes, wp_page_copy",
        ["copyElsewhere"] = "ksm_might_need_to_copy",
        ["move"] = "move_ptes of swap entries",
        ["moveTable"] = "move_normal_pmd",
        ["toggle"] = "change_pte_range that switches the check while pages are away",
        ["uffdMove"] = "move_swap_pte",
        ["memoryError"] = "memory_failure",
        ["migrate"] = "try_to_migrate_one, remove_migration_pte",
        ["migrateFails"] = "migrate_pages_batch of a folio that somebody uses",
        ["migrateUndo"] = "migrate_folio_undo_src",
        ["migrateFork"] = "copy_nonpresent_pte of migration entries",
        ["migrateZap"] = "zap_pte_range of migration entries",
        ["migrateMove"] = "move_ptes of migration entries",
        ["large"] = "try_to_unmap_one and do_swap_page of a large folio",
        ["migrateLarge"] = "try_to_migrate_one of a large folio mapped page by page",
        ["migrateHuge"] = "set_pmd_migration_entry, or a huge page that is split before it moves",
        ["splitLarge"] = "split_folio of a folio mapped page by page",
        ["splitHuge"] = "split_huge_pmd with freeze, split_folio",
        ["collapse"] = "collapse_huge_page",
    };
}
