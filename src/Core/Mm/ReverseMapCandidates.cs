using PageTableEmu.Atomics;

namespace PageTableEmu.Mm;

/// <summary>Signatures; the bodies are the next commit. Use: <c>foreach (var place in reverseMap.Candidates(anonVma, index))</c>.</summary>
public ref struct ReverseMapCandidates<TModel>
    where TModel : IModel
{
    /// <summary>The current place.</summary>
    public readonly ReverseMapPlace Current => throw new NotSupportedException();

    /// <summary>For foreach.</summary>
    public readonly ReverseMapCandidates<TModel> GetEnumerator() => this;

    /// <summary>Goes to the next place.</summary>
    public bool MoveNext() => throw new NotSupportedException();
}
